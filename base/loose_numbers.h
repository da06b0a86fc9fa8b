// Whole numbers as strtoull reads them, which Redis does where it reads cursors and stream ids.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace larder {

// Zeros, blanks or a sign may stand in front, a minus counts back from 2^64, and nothing at all is
// 0. No value when anything else follows or it is out of range.
inline std::optional<uint64_t> parse_loose_uint64(Bytes text) {
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  const uint64_t value = std::strtoull(terminated.c_str(), &end, 10);
  if (errno == ERANGE || end != terminated.c_str() + terminated.size()) return {};
  return value;
}

}  // namespace larder
