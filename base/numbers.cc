#include "base/numbers.h"

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
std::optional<T> parse_floating(Bytes text, Convert convert) {
  constexpr size_t kTextMax = 255;  // longer than any number worth writing; as Redis
  if (text.empty() || text.size() > kTextMax) return {};
  if (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r')) return {};
  char buffer[kTextMax + 1];
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  char* end = nullptr;
  errno = 0;
  const T value = convert(buffer, &end);
  if (end != buffer + text.size() || std::isnan(value)) return {};
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return {};
  return value;
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

std::optional<double> parse_double(Bytes text) { return parse_floating<double>(text, std::strtod); }

std::optional<long double> parse_long_double(Bytes text) {
  return parse_floating<long double>(text, std::strtold);
}

size_t format_int64(int64_t value, char* out) {
  if (value >= 0 && value < 10) {
    *out = static_cast<char>('0' + value);
    return 1;
  }
  return static_cast<size_t>(std::to_chars(out, out + kInt64TextMax, value).ptr - out);
}

size_t format_double(double value, char* out) {
  if (std::isinf(value) || std::isnan(value)) {
    const Bytes name = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    std::memcpy(out, name.data(), name.size());
    return name.size();
  }
  // Whole numbers print without an exponent as far as a double holds them exactly.
  if (value == std::trunc(value) && std::fabs(value) < 1e17) {
    if (value == 0 && std::signbit(value)) {
      std::memcpy(out, "-0", 2);
      return 2;
    }
    return format_int64(static_cast<int64_t>(value), out);
  }
  // %.17g's layout with the fewest digits that read back the same.
  for (int precision = 15; precision <= 17; ++precision) {
    const int size = std::snprintf(out, kDoubleTextMax, "%.*g", precision, value);
    if (precision == 17 || std::strtod(out, nullptr) == value) return static_cast<size_t>(size);
  }
  return 0;
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
