#include "storage/entry.h"

namespace larder {
namespace {

constexpr size_t kShortMax = 255;

void store_narrow(uint8_t* at, int64_t expiry_ms) {
  store(at, static_cast<uint32_t>(expiry_ms));
  store(at + 4, static_cast<uint16_t>(expiry_ms >> 32));
}

}  // namespace

size_t Entry::bytes_for(const EntryShape& shape) {
  size_t bytes = kHeaderBytes + shape.key_bytes + shape.payload_bytes;
  bytes += shape.key_bytes > kShortMax ? 4 : 1;
  bytes += shape.payload_bytes > kShortMax ? 4 : 1;
  if (shape.expiry_ms != kNoExpiry) bytes += shape.expiry_ms > kNarrowExpiryMax ? 8 : 6;
  return bytes;
}

Entry* Entry::make(void* memory, const EntryShape& shape, Bytes key) {
  auto* entry = static_cast<Entry*>(memory);
  uint8_t* raw = entry->raw();
  raw[0] = static_cast<uint8_t>(static_cast<uint8_t>(shape.type) |
                                static_cast<uint8_t>(shape.encoding) << 4);
  raw[1] = 0;
  raw[2] = raw[3] = raw[4] = 0;
  uint8_t* at = raw + kHeaderBytes;
  const auto put_length = [&](size_t length, Flag wide) {
    if (length > kShortMax) {
      raw[1] |= wide;
      store(at, static_cast<uint32_t>(length));
      at += 4;
    } else {
      *at++ = static_cast<uint8_t>(length);
    }
  };
  put_length(shape.key_bytes, kLongKey);
  put_length(shape.payload_bytes, kLongPayload);
  if (shape.expiry_ms != kNoExpiry) {
    raw[1] |= kHasExpiry;
    if (shape.expiry_ms > kNarrowExpiryMax) {
      raw[1] |= kWideExpiry;
      store(at, shape.expiry_ms);
      at += 8;
    } else {
      store_narrow(at, shape.expiry_ms);
      at += 6;
    }
  }
  std::memcpy(at, key.data(), key.size());
  return entry;
}

bool Entry::try_set_expiry(int64_t expiry_ms) {
  if (!is(kHasExpiry) || expiry_ms == kNoExpiry) return false;
  uint8_t* at = raw() + expiry_offset();
  if (is(kWideExpiry)) {
    store(at, expiry_ms);
    return true;
  }
  if (expiry_ms > kNarrowExpiryMax) return false;
  store_narrow(at, expiry_ms);
  return true;
}

bool Entry::try_set_payload_bytes(size_t bytes) {
  uint8_t* at = raw() + kHeaderBytes + key_length_bytes();
  if (is(kLongPayload)) {
    store(at, static_cast<uint32_t>(bytes));
    return true;
  }
  if (bytes > kShortMax) return false;
  *at = static_cast<uint8_t>(bytes);
  return true;
}

}  // namespace larder
