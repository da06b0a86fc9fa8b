// The id of a stream's entry: milliseconds and a sequence number, ordered as a pair.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/numbers.h"

namespace larder {

struct StreamId {
  uint64_t ms = 0;
  uint64_t seq = 0;

  static constexpr StreamId max() {
    return {std::numeric_limits<uint64_t>::max(), std::numeric_limits<uint64_t>::max()};
  }
  auto operator<=>(const StreamId&) const = default;

  // The id that follows or goes before; nothing past the ends.
  std::optional<StreamId> next() const {
    if (*this == max()) return {};
    return seq == max().seq ? StreamId{ms + 1, 0} : StreamId{ms, seq + 1};
  }
  std::optional<StreamId> previous() const {
    if (*this == StreamId{}) return {};
    return seq == 0 ? StreamId{ms - 1, max().seq} : StreamId{ms, seq - 1};
  }
  // Writes "ms-seq" to kTextMax bytes; returns its length. No terminator.
  static constexpr size_t kTextMax = 41;
  size_t format(char* out) const {
    char* end = out + format_uint64(ms, out);
    *end++ = '-';
    return static_cast<size_t>(end - out) + format_uint64(seq, end);
  }
  std::string text() const {
    char text[kTextMax];
    return {text, format(text)};
  }
};

// "ms-seq" or "ms", whose sequence number is then `missing_seq`. Nothing for anything else.
inline std::optional<StreamId> parse_stream_id(Bytes text, uint64_t missing_seq) {
  const size_t dash = text.find('-');
  const auto ms = parse_uint64(text.substr(0, dash));
  if (!ms) return {};
  if (dash == Bytes::npos) return StreamId{*ms, missing_seq};
  const auto seq = parse_uint64(text.substr(dash + 1));
  if (!seq) return {};
  return StreamId{*ms, *seq};
}

}  // namespace larder
