// String values: how bytes become a payload and back. Integers that fit are kept as integers,
// values from Blob size on live outside the entry. Every call needs the shard's lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/numbers.h"
#include "storage/keyspace.h"

namespace larder {

// Values up to this length that were never changed in place are reported as "embstr".
inline constexpr size_t kEmbeddedMax = 44;
// From this size on a value becomes a Blob: a reply can then refer to it without a copy.
inline constexpr size_t kBlobBytesMin = 16 * 1024;

// The bytes of a string value. May use `scratch`; valid as long as the entry and `scratch` are.
Bytes string_bytes(const Entry& entry, IntegerText& scratch);
size_t string_length(const Entry& entry);
// The value if it is kept as an integer, or is the exact text of one.
std::optional<int64_t> string_integer(const Entry& entry);
// Keeps the bytes of a blob alive beyond the lock; null for other encodings.
std::shared_ptr<const void> string_share(const Entry& entry);
// The name OBJECT ENCODING gives.
Bytes string_encoding_name(const Entry& entry);

// Stores a string under a key, whatever was there. `item` is what find gave for it (may be null).
// `expiry_ms` is the new expiry; kNoExpiry drops an old one.
Item put_string(Keyspace& keyspace, const Key& key, Item item, Bytes value, int64_t expiry_ms);
// The same, kept as bytes whatever they say, and reported as `embedded` or `raw`.
Item put_text(Keyspace& keyspace, const Key& key, Item item, Bytes value, int64_t expiry_ms,
              Encoding encoding);
Item put_integer(Keyspace& keyspace, const Key& key, Item item, int64_t value, int64_t expiry_ms);

// A string value made changeable in place.
struct MutableString {
  Item item;
  char* data = nullptr;
  size_t size = 0;
};
// Gives the value (of an existing string) exactly `size` bytes, keeping what fits and filling with
// zeros, and lets the caller change them. The expiry stays. Growth is amortised.
MutableString edit_string(Keyspace& keyspace, Item item, size_t size);

}  // namespace larder
