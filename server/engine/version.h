// Versions the server answers with.
#pragma once

#include "base/bytes.h"
#include "base/version.h"

namespace larder {

// The Redis release whose behaviour clients may rely on.
inline constexpr Bytes kRedisVersion = "7.2.4";

}  // namespace larder
