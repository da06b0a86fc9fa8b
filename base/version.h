// The version that every program tells.
#pragma once

#include "base/bytes.h"

namespace larder {

inline constexpr Bytes kLarderVersion = "0.1.0";

}  // namespace larder
