// Offsets of bits as clients give them, and values long enough to hold them.
#pragma once

#include <optional>

#include "base/numbers.h"
#include "server/commands/string_values.h"

namespace larder {

inline constexpr const char* kBadBitOffset = "ERR bit offset is not an integer or out of range";

// A bit may lie within the longest string there may be (proto-max-bulk-len).
inline std::optional<uint64_t> parse_bit_offset(Call& call, Bytes text) {
  const auto offset = parse_int64(text);
  if (!offset || *offset < 0) return {};
  if (static_cast<uint64_t>(*offset) / 8 >= string_bytes_max(call)) return {};
  return static_cast<uint64_t>(*offset);
}

// The value of a key, made long enough for `bits` bits; a missing key becomes a string.
inline MutableString string_with_bits(Call& call, const Key& key, Item item, uint64_t bits) {
  Keyspace& keys = call.keyspace(key);
  if (!item) item = put_string(keys, key, item, "", kNoExpiry);
  const size_t size = std::max<size_t>(string_length(*item.entry()), (bits + 7) / 8);
  return edit_string(keys, item, size);
}

}  // namespace larder
