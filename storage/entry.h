// A key with its value and everything known about it, in one allocation.
//
//   byte 0   1      2..4      5           6               ...
//   | kind | flags | stamp | key length | payload length | expiry | key | payload |
//                            1 or 4 B     1 or 4 B         0, 6 or 8 B
//
//   kind     type in the low four bits, encoding in the high four
//   flags    which optional fields are there, see Flag
//   stamp    24 bits that belong to the eviction policy
//   expiry   Unix time in ms; 6 bytes reach the year 10889, 8 bytes hold what EXPIREAT accepts
//   payload  embedded, raw, packs, integers: bytes; integer: int64; blob: Blob*; object: Object*
//
// An entry of an 11-byte key and a 64-byte value takes 82 bytes and lands in the slab class of 88.
// All fields are unaligned; loads and stores go through memcpy.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"

namespace larder {

enum class Type : uint8_t { string = 0, list = 1, set = 2, sorted_set = 3, hash = 4, stream = 5 };

enum class Encoding : uint8_t {
  embedded = 0,  // payload is the bytes
  raw = 1,       // the same, but changed in place since; clients can tell by OBJECT ENCODING
  integer = 2,   // payload is an int64 whose text is the value
  blob = 3,      // payload is a Blob*
  pack = 4,      // payload is a Pack: a small set, sorted set or hash
  integers = 5,  // payload is a sorted run of integers: a small set
  object = 6,    // payload is an Object*
  timed_pack = 7,  // payload is a Pack of fields with expiries: a small hash, see hash.h
};

// No expiry. Every real expiry is >= 0.
inline constexpr int64_t kNoExpiry = -1;

// What an entry is made of; the input of its layout.
struct EntryShape {
  Type type = Type::string;
  Encoding encoding = Encoding::embedded;
  size_t key_bytes = 0;
  size_t payload_bytes = 0;
  int64_t expiry_ms = kNoExpiry;
  size_t outside_bytes = 0;  // of a value kept outside the entry, for who weighs entries by size
};

class Entry {
 public:
  enum Flag : uint8_t {
    kHasExpiry = 1,
    kWideExpiry = 2,   // 8 bytes instead of 6
    kLongKey = 4,      // 4-byte key length
    kLongPayload = 8,  // 4-byte payload length
    kTimed = 16,       // a reference in the expiry index fires at or before the expiry
    kSticky = 32,      // never evicted
    kEpoch = 64,       // equal to its shard's: the running snapshot has it or does not want it
  };
  static constexpr size_t kHeaderBytes = 5;
  static constexpr int64_t kNarrowExpiryMax = (int64_t{1} << 48) - 1;

  // Bytes an entry of this shape needs.
  static size_t bytes_for(const EntryShape& shape);
  // Lays an entry out in `memory`; the payload's bytes are the caller's to fill.
  static Entry* make(void* memory, const EntryShape& shape, Bytes key);

  Type type() const { return static_cast<Type>(raw()[0] & 15); }
  Encoding encoding() const { return static_cast<Encoding>(raw()[0] >> 4); }
  bool is(Flag flag) const { return (raw()[1] & flag) != 0; }
  void set(Flag flag, bool on) {
    raw()[1] = static_cast<uint8_t>(on ? raw()[1] | flag : raw()[1] & ~flag);
  }

  uint32_t stamp() const {
    return raw()[2] | uint32_t{raw()[3]} << 8 | uint32_t{raw()[4]} << 16;
  }
  void set_stamp(uint32_t stamp) {
    raw()[2] = static_cast<uint8_t>(stamp);
    raw()[3] = static_cast<uint8_t>(stamp >> 8);
    raw()[4] = static_cast<uint8_t>(stamp >> 16);
  }

  size_t key_bytes() const {
    return is(kLongKey) ? load<uint32_t>(raw() + kHeaderBytes) : raw()[kHeaderBytes];
  }
  size_t payload_bytes() const {
    const uint8_t* at = raw() + kHeaderBytes + key_length_bytes();
    return is(kLongPayload) ? load<uint32_t>(at) : *at;
  }
  Bytes key() const { return {chars(key_offset()), key_bytes()}; }
  const char* payload() const { return chars(key_offset() + key_bytes()); }
  char* payload() { return const_cast<char*>(static_cast<const Entry*>(this)->payload()); }
  Bytes payload_view() const { return {payload(), payload_bytes()}; }

  // kNoExpiry, or Unix ms.
  int64_t expiry_ms() const {
    if (!is(kHasExpiry)) return kNoExpiry;
    const uint8_t* at = raw() + expiry_offset();
    if (is(kWideExpiry)) return load<int64_t>(at);
    return static_cast<int64_t>(load<uint32_t>(at) | uint64_t{load<uint16_t>(at + 4)} << 32);
  }
  bool expired(int64_t now_ms) const { return is(kHasExpiry) && expiry_ms() <= now_ms; }
  // Changes the time of an entry that has an expiry field wide enough. Returns false when the
  // entry must be laid out anew.
  bool try_set_expiry(int64_t expiry_ms);

  // Bytes of the whole entry.
  size_t bytes() const { return key_offset() + key_bytes() + payload_bytes(); }
  // Shrinks or grows the payload inside the same allocation; the width of the length stays.
  bool try_set_payload_bytes(size_t bytes);

  EntryShape shape() const {
    return {.type = type(),
            .encoding = encoding(),
            .key_bytes = key_bytes(),
            .payload_bytes = payload_bytes(),
            .expiry_ms = expiry_ms()};
  }

 private:
  size_t key_length_bytes() const { return is(kLongKey) ? 4 : 1; }
  size_t expiry_offset() const {
    return kHeaderBytes + key_length_bytes() + (is(kLongPayload) ? 4 : 1);
  }
  size_t key_offset() const {
    return expiry_offset() + (is(kHasExpiry) ? (is(kWideExpiry) ? 8 : 6) : 0);
  }
  const char* chars(size_t offset) const { return reinterpret_cast<const char*>(raw() + offset); }

  // An entry is only ever a view of memory laid out by `make`.
  uint8_t* raw() { return reinterpret_cast<uint8_t*>(this); }
  const uint8_t* raw() const { return reinterpret_cast<const uint8_t*>(this); }
};

}  // namespace larder
