// A sorted run of integers without repetition, the form of small sets of integers:
//
//   | width | integer | integer | ...     width 2, 4 or 8 bytes, as the widest needs
//
// A view of the bytes; they are changed by splicing what bytes_of() gives at offset_of().
// Idea: Redis's intset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace larder {

class IntegerRun {
 public:
  explicit IntegerRun(Bytes bytes) : bytes_(bytes) {}

  static unsigned width_of(int64_t value) {
    if (value == static_cast<int16_t>(value)) return 2;
    return value == static_cast<int32_t>(value) ? 4 : 8;
  }
  static std::string bytes_of(int64_t value, unsigned width) {
    return {reinterpret_cast<const char*>(&value), width};
  }
  // A run of one.
  static std::string make(int64_t value) {
    const unsigned width = width_of(value);
    return static_cast<char>(width) + bytes_of(value, width);
  }

  unsigned width() const { return static_cast<unsigned>(bytes_[0]); }
  size_t size() const { return (bytes_.size() - 1) / width(); }
  size_t offset_of(size_t index) const { return 1 + index * width(); }
  int64_t at(size_t index) const {
    const char* from = bytes_.data() + offset_of(index);
    switch (width()) {
      case 2: return load<int16_t>(from);
      case 4: return load<int32_t>(from);
      default: return load<int64_t>(from);
    }
  }
  // Index of the first integer that is not below `value`.
  size_t lower_bound(int64_t value) const {
    size_t low = 0;
    for (size_t high = size(); low < high;) {
      const size_t middle = (low + high) / 2;
      at(middle) < value ? low = middle + 1 : high = middle;
    }
    return low;
  }
  bool contains(int64_t value) const {
    const size_t index = lower_bound(value);
    return index < size() && at(index) == value;
  }
  // The same integers in a larger width.
  std::string widened(unsigned width) const {
    std::string wide(1, static_cast<char>(width));
    for (size_t i = 0; i < size(); ++i) wide += bytes_of(at(i), width);
    return wide;
  }

 private:
  Bytes bytes_;
};

}  // namespace larder
