// Numbers as clients write and read them, byte for byte as Redis takes and prints them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace larder {

// Strict decimal: no spaces, no plus, no leading zeros, no "-0". Nothing when anything else.
std::optional<int64_t> parse_int64(Bytes text);
std::optional<uint64_t> parse_uint64(Bytes text);
// Decimal, scientific or hexadecimal floating point, "inf" included; no spaces, no nan.
std::optional<double> parse_double(Bytes text);
std::optional<long double> parse_long_double(Bytes text);

// Room that any int64 needs.
inline constexpr size_t kInt64TextMax = 21;
// Room for it in one object, for texts that may or may not be needed.
struct IntegerText {
  char text[24];
};
// Writes the decimal form; returns its length. No terminator.
size_t format_int64(int64_t value, char* out);
size_t format_uint64(uint64_t value, char* out);

inline constexpr size_t kDoubleTextMax = 40;
// The shortest form that reads back the same, as Redis 7.2 lays it out: 3, 1.5, 0.00001, 1e-7,
// 1e+22, inf, -inf, nan.
size_t format_double(double value, char* out);
// 17 decimals with trailing zeros cut off, never an exponent: what INCRBYFLOAT answers.
std::string format_long_double(long double value);

}  // namespace larder
