// What the string-like families share: reading a value into a reply, the type check, the limit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "base/hash.h"
#include "server/engine/args.h"
#include "server/engine/call.h"
#include "server/engine/errors.h"
#include "server/engine/trouble.h"
#include "storage/strings.h"

namespace larder {

// True for a missing key too: commands treat it as an empty string.
inline bool is_string(Item item) { return !item || item->type() == Type::string; }

// Writes the value as a bulk string; a large one is referred to, not copied.
inline void reply_string(ReplyWriter& reply, Item item) {
  IntegerText scratch;
  const Bytes bytes = string_bytes(*item.entry(), scratch);
  if (bytes.size() >= Output::kPieceBytesMin && item->encoding() == Encoding::blob) {
    return reply.bulk_shared(bytes, string_share(*item.entry()));
  }
  reply.bulk(bytes);
}

// The 16 hex digits that DIGEST answers and the IFDEQ conditions compare: XXH3-64 of the value.
// Source: https://redis.io/docs/latest/commands/digest/
inline std::string hex_digest(Bytes value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(digest_of(value)));
  return text;
}
inline std::string upper_hex_digest(Bytes value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llX", static_cast<unsigned long long>(digest_of(value)));
  return text;
}

// The longest string there may be (proto-max-bulk-len). What the primary or the append-only file
// says was possible where it was done first, so up to any sensible size it is done here, too.
inline uint64_t string_bytes_max(Call& call) {
  constexpr uint64_t kObeyedBytesMax = 4ULL * 1024 * 1024 * 1024;
  const auto most =
      static_cast<uint64_t>(call.settings().bulk_bytes_max.load(std::memory_order_relaxed));
  return obeys(call) ? std::max(most, kObeyedBytesMax) : most;
}

inline bool too_long(Call& call, uint64_t bytes) { return bytes > string_bytes_max(call); }

}  // namespace larder
