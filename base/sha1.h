// SHA-1, by which scripts are named. Not for secrets.
// Source: RFC 3174
#pragma once

#include <array>

#include "base/bytes.h"

namespace larder {

// Forty hexadecimal digits in lower case.
using Sha1Text = std::array<char, 40>;
Sha1Text sha1_text(Bytes bytes);

}  // namespace larder
