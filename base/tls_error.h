#pragma once

#include <string>

namespace larder {

// The text of the first of this thread's OpenSSL errors, the one that says most, or "unknown
// error". None are left. Source: ERR_get_error(3)
std::string take_tls_error();

}  // namespace larder
