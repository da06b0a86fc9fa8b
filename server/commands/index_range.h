// Ranges of indexes as LRANGE, LTRIM and ZRANGE take them: both ends are part of it, negative ones
// count from the end, and what lies outside is cut off.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace larder {

struct IndexRange {
  size_t first = 0;
  size_t count = 0;
};

inline IndexRange index_range(int64_t start, int64_t end, size_t size) {
  const auto length = static_cast<int64_t>(size);
  if (start < 0) start = std::max<int64_t>(start + length, 0);
  if (end < 0) end += length;
  end = std::min(end, length - 1);
  if (start > end || start >= length) return {};
  return {static_cast<size_t>(start), static_cast<size_t>(end - start + 1)};
}

}  // namespace larder
