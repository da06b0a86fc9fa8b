#include "base/numbers.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace larder {
namespace {

bool looks_strict(Bytes digits) {
  if (digits.empty()) return false;
  if (digits[0] == '0') return digits.size() == 1;
  return digits[0] >= '1' && digits[0] <= '9';
}

template <typename T>
std::optional<T> parse_whole(Bytes text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

// strtold and friends need a terminator and accept leading spaces and nan; we don't.
template <typename T, typename Convert>
std::optional<T> parse_terminated(const char* text, size_t bytes, Convert convert) {
  char* end = nullptr;
  errno = 0;
  const T value = convert(text, &end);
  if (end != text + bytes || std::isnan(value)) return {};
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return {};
  return value;
}

template <typename T, typename Convert>
std::optional<T> parse_floating(Bytes text, Convert convert) {
  if (text.empty() || text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r')) return {};
  char buffer[64];  // most numbers; one in full may have hundreds of digits
  if (text.size() >= sizeof buffer) {
    return parse_terminated<T>(std::string(text).c_str(), text.size(), convert);
  }
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  return parse_terminated<T>(buffer, text.size(), convert);
}

// The fewest digits that read back as the same number: value = digits * 10^exponent.
struct Digits {
  char text[20];
  int count = 0;
  int exponent = 0;
};

Digits shortest_digits(double value) {
  char text[32];
  const auto result =
      std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  Digits digits;
  const char* at = text;
  for (; *at != 'e'; ++at) {
    if (*at != '.') digits.text[digits.count++] = *at;
  }
  ++at;
  if (*at == '+') ++at;
  std::from_chars(at, result.ptr, digits.exponent);
  digits.exponent -= digits.count - 1;
  return digits;
}

// Plain as long as that is short, scientific otherwise; where the line is drawn is Redis's choice.
char* put_digits(const Digits& digits, bool negative, char* out) {
  const int exponent = digits.exponent;
  const int scientific = exponent + digits.count - 1;
  const auto put = [&out](const char* from, int count) { out = std::copy_n(from, count, out); };
  if (negative) *out++ = '-';
  if (exponent >= 0 && scientific < digits.count + 7) {
    put(digits.text, digits.count);
    return std::fill_n(out, exponent, '0');
  }
  if (exponent < 0 && (exponent > -7 || std::abs(scientific) < 4)) {
    const int whole = digits.count + exponent;
    if (whole <= 0) {
      put("0.", 2);
      out = std::fill_n(out, -whole, '0');
      put(digits.text, digits.count);
    } else {
      put(digits.text, whole);
      *out++ = '.';
      put(digits.text + whole, digits.count - whole);
    }
    return out;
  }
  *out++ = digits.text[0];
  if (digits.count > 1) *out++ = '.';
  put(digits.text + 1, digits.count - 1);
  *out++ = 'e';
  *out++ = scientific < 0 ? '-' : '+';
  return out + format_int64(std::abs(scientific), out);
}

}  // namespace

std::optional<int64_t> parse_int64(Bytes text) {
  const bool negative = !text.empty() && text[0] == '-';
  const Bytes digits = text.substr(negative ? 1 : 0);
  if (!looks_strict(digits) || (negative && digits == "0")) return {};
  return parse_whole<int64_t>(text);
}

std::optional<uint64_t> parse_uint64(Bytes text) {
  if (!looks_strict(text)) return {};
  return parse_whole<uint64_t>(text);
}

std::optional<double> parse_double(Bytes text) {
  constexpr size_t kExactMax = 15;  // digits that any double holds
  if (text.size() <= kExactMax) {
    if (const auto whole = parse_int64(text)) return static_cast<double>(*whole);
  }
  return parse_floating<double>(text, std::strtod);
}

std::optional<long double> parse_long_double(Bytes text) {
  constexpr size_t kTextMax = 5 * 1024;  // the largest one in full has 4933 digits
  if (text.size() > kTextMax) return {};
  return parse_floating<long double>(text, std::strtold);
}

size_t format_uint64(uint64_t value, char* out) {
  if (value < 100) {  // most lengths and counts
    const auto small = static_cast<unsigned>(value);
    *out = static_cast<char>('0' + (small < 10 ? small : small / 10));
    if (small < 10) return 1;
    out[1] = static_cast<char>('0' + small % 10);
    return 2;
  }
  return static_cast<size_t>(std::to_chars(out, out + kInt64TextMax, value).ptr - out);
}

size_t format_int64(int64_t value, char* out) {
  if (value >= 0) return format_uint64(static_cast<uint64_t>(value), out);
  return static_cast<size_t>(std::to_chars(out, out + kInt64TextMax, value).ptr - out);
}

size_t format_double(double value, char* out) {
  if (std::isinf(value) || std::isnan(value)) {
    const Bytes name = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    std::memcpy(out, name.data(), name.size());
    return name.size();
  }
  // Whole numbers print as integers as far as half the range of int64.
  if (value == std::trunc(value) && std::fabs(value) <= 0x1p62) {
    if (value == 0 && std::signbit(value)) {
      std::memcpy(out, "-0", 2);
      return 2;
    }
    return format_int64(static_cast<int64_t>(value), out);
  }
  const Digits digits = shortest_digits(std::fabs(value));
  return static_cast<size_t>(put_digits(digits, std::signbit(value), out) - out);
}

std::string format_long_double(long double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  constexpr size_t kTextMax = 5 * 1024;  // LDBL_MAX has 4933 digits
  char text[kTextMax];
  const int size = std::snprintf(text, sizeof text, "%.17Lf", value);
  Bytes shown(text, static_cast<size_t>(size));
  shown = shown.substr(0, shown.find_last_not_of('0') + 1);
  if (shown.back() == '.') shown.remove_suffix(1);
  return shown == "-0" ? "0" : std::string(shown);
}

}  // namespace larder
