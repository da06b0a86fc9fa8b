// The payload of FUNCTION DUMP and RESTORE: the libraries' code as in an RDB file, with version and
// checksum behind it.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder {

std::string dump_functions(const std::vector<std::string>& codes);
// Null, or the error reply.
const char* read_function_dump(Bytes payload, std::vector<std::string>& codes);

}  // namespace larder
