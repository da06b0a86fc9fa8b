// Up to where a small collection stays a pack; beyond it becomes an object and remains one.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace larder {

struct PackLimits {
  size_t elements_max = 0;
  size_t bytes_max = 0;  // of one element (a field, a value, a member)

  bool fits(Bytes element) const { return element.size() <= bytes_max; }
};

// Whatever the limits say: an edit moves the bytes behind it.
inline constexpr size_t kPackBytesMax = 1024 * 1024 * 1024;

}  // namespace larder
