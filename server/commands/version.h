// Versions the server answers with.
#pragma once

#include "base/bytes.h"

namespace larder {

inline constexpr Bytes kLarderVersion = "0.1.0";
// The Redis release whose behaviour clients may rely on.
inline constexpr Bytes kRedisVersion = "7.2.4";

}  // namespace larder
