// A byte string in the form in which packs and lists hold it: text that is exactly that of an
// int64 becomes the integer, in as few bytes as it needs.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "base/numbers.h"

namespace larder {

struct PackedValue {
  bool is_integer = false;
  int64_t integer = 0;
  Bytes string;  // of a value that is no integer; a view

  static PackedValue of(Bytes value) {
    if (value.size() <= kInt64TextMax) {
      if (const auto integer = parse_int64(value)) return {true, *integer, {}};
    }
    return {false, 0, value};
  }
  // Its text; may use `scratch`.
  Bytes bytes(IntegerText& scratch) const {
    return is_integer ? Bytes{scratch.text, format_int64(integer, scratch.text)} : string;
  }
  bool equals(const PackedValue& other) const {
    return is_integer == other.is_integer &&
           (is_integer ? integer == other.integer : string == other.string);
  }
};

// Integers are kept little endian in the first of these widths that holds them.
inline constexpr std::array<uint8_t, 6> kPackedWidths{1, 2, 3, 4, 6, 8};

// Index of the width for `value`.
inline unsigned packed_width_index(int64_t value) {
  for (unsigned index = 0; index + 1 < kPackedWidths.size(); ++index) {
    const int64_t half = int64_t{1} << (8 * kPackedWidths[index] - 1);
    if (value >= -half && value < half) return index;
  }
  return static_cast<unsigned>(kPackedWidths.size() - 1);
}

inline int64_t load_packed(const char* at, unsigned width) {
  uint64_t value = 0;
  std::memcpy(&value, at, width);
  const unsigned unused = 64 - 8 * width;
  return static_cast<int64_t>(value << unused) >> unused;
}

}  // namespace larder
