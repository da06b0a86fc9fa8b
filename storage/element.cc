#include "storage/element.h"

#include "storage/slab.h"

namespace larder {
namespace {

constexpr size_t kShortMax = 255;

uint8_t* put_length(uint8_t* at, size_t length) {
  if (length > kShortMax) {
    store(at, static_cast<uint32_t>(length));
    return at + 4;
  }
  *at = static_cast<uint8_t>(length);
  return at + 1;
}

}  // namespace

Element* Element::make(Slab& slab, Bytes key, std::optional<Bytes> value, int64_t expiry_ms) {
  const size_t value_size = value ? value->size() : 0;
  size_t bytes = 1 + key.size() + value_size + (key.size() > kShortMax ? 4 : 1);
  if (value) bytes += value_size > kShortMax ? 4 : 1;
  if (expiry_ms >= 0) bytes += kExpiryBytes;
  auto* element = static_cast<Element*>(slab.allocate(bytes));
  uint8_t* raw = element->raw();
  raw[0] = static_cast<uint8_t>((key.size() > kShortMax ? kLongKey : 0) | (value ? kHasValue : 0) |
                                (value_size > kShortMax ? kLongValue : 0) |
                                (expiry_ms >= 0 ? kHasExpiry : 0));
  uint8_t* at = put_length(raw + 1, key.size());
  if (value) at = put_length(at, value_size);
  if (expiry_ms >= 0) element->set_expiry(expiry_ms);
  std::memcpy(raw + element->key_offset(), key.data(), key.size());
  if (value_size > 0) {
    std::memcpy(raw + element->key_offset() + key.size(), value->data(), value_size);
  }
  return element;
}

void Element::release(Slab& slab, Element* element) { slab.release(element, element->bytes()); }

int64_t Element::expiry_ms() const {
  if (!has_expiry()) return -1;
  const uint8_t* at = raw() + expiry_offset();
  return static_cast<int64_t>(load<uint32_t>(at) | uint64_t{load<uint16_t>(at + 4)} << 32);
}

void Element::set_expiry(int64_t expiry_ms) {
  uint8_t* at = raw() + expiry_offset();
  store(at, static_cast<uint32_t>(expiry_ms));
  store(at + 4, static_cast<uint16_t>(expiry_ms >> 32));
}

}  // namespace larder
