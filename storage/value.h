// What is true of values of every type.
#pragma once

#include "base/bytes.h"
#include "storage/entry.h"

namespace larder {

// The name of the form in which a value is kept, as OBJECT ENCODING gives it.
Bytes encoding_name(const Entry& entry);

}  // namespace larder
