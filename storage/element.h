// One member of a big set, hash or sorted set: a key and perhaps a value, in
// one allocation.
//
//   byte 0   1            ...
//   | flags | key length | value length | expiry | key | value |
//            1 or 4 B     0, 1 or 4 B    0 or 6 B
//
// A set's member has no value. A hash's field has its value and, where HEXPIRE
// was used, an expiry in Unix ms. A sorted set's member has a value of eight
// bytes, its score. All fields are unaligned; loads and stores go through
// memcpy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace larder {

class Slab;

class Element {
 public:
  // Latest expiry: the year 10889. HEXPIRE refuses what is beyond.
  static constexpr int64_t kExpiryMax = (int64_t{1} << 48) - 1;

  // A copy of `key`, `value` and `expiry_ms` (kNoExpiry: none). No value is not
  // an empty value.
  static Element* make(Slab& slab, Bytes key, std::optional<Bytes> value = {},
                       int64_t expiry_ms = -1);
  static void release(Slab& slab, Element* element);

  Bytes key() const { return {chars(key_offset()), key_bytes()}; }
  bool has_value() const { return (raw()[0] & kHasValue) != 0; }
  Bytes value() const { return {chars(key_offset() + key_bytes()), value_bytes()}; }
  // Where the value's bytes may be changed in place.
  char* value_data() { return const_cast<char*>(value().data()); }
  // -1 (kNoExpiry), or Unix ms.
  int64_t expiry_ms() const;
  // Changes the time of an element that has one.
  void set_expiry(int64_t expiry_ms);
  bool has_expiry() const { return (raw()[0] & kHasExpiry) != 0; }
  size_t bytes() const { return key_offset() + key_bytes() + value_bytes(); }

 private:
  enum Flag : uint8_t { kLongKey = 1, kHasValue = 2, kLongValue = 4, kHasExpiry = 8 };
  static constexpr size_t kExpiryBytes = 6;

  size_t key_length_bytes() const { return (raw()[0] & kLongKey) != 0 ? 4 : 1; }
  size_t value_length_bytes() const {
    if (!has_value()) return 0;
    return (raw()[0] & kLongValue) != 0 ? 4 : 1;
  }
  size_t expiry_offset() const { return 1 + key_length_bytes() + value_length_bytes(); }
  size_t key_offset() const { return expiry_offset() + (has_expiry() ? kExpiryBytes : 0); }
  size_t key_bytes() const {
    return (raw()[0] & kLongKey) != 0 ? load<uint32_t>(raw() + 1) : raw()[1];
  }
  size_t value_bytes() const {
    if (!has_value()) return 0;
    const uint8_t* at = raw() + 1 + key_length_bytes();
    return (raw()[0] & kLongValue) != 0 ? load<uint32_t>(at) : *at;
  }
  const char* chars(size_t offset) const { return reinterpret_cast<const char*>(raw() + offset); }

  // An element is only ever a view of memory laid out by `make`.
  uint8_t* raw() { return reinterpret_cast<uint8_t*>(this); }
  const uint8_t* raw() const { return reinterpret_cast<const uint8_t*>(this); }
};

}  // namespace larder
