// Digests of bytes, by OpenSSL.
#pragma once

#include <string>

#include "base/bytes.h"

namespace larder {

// SHA-256 as 64 lower-case hexadecimal digits, the form in which ACL users keep passwords.
std::string sha256_hex(Bytes bytes);

// Takes as long for a wrong guess as for the right one, wherever they differ.
bool equal_in_constant_time(Bytes a, Bytes b);

}  // namespace larder
