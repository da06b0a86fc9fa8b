// CRC-64 with Jones's polynomial, as RDB files have it: reflected, no initial or final inversion.
// Source: A. Jones, and https://reveng.sourceforge.io/crc-catalogue/all.htm, CRC-64/REDIS
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace larder {

// The CRC of bytes that follow those of which `crc` is; 0 to begin.
uint64_t crc64(uint64_t crc, Bytes bytes);

}  // namespace larder
