// Asks a server for everything that a key's value can do, so that a value that was laid out wrongly
// is met by whoever reads or changes it.
#pragma once

#include <string>

#include "tests/support/lone_server.h"

namespace larder {

// Reads the key by every way its type has, then changes it until it is gone. The store is
// validated behind each change.
void sweep_value(LoneServer& server, const std::string& key);

}  // namespace larder
