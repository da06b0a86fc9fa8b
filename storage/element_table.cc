#include "storage/element_table.h"

namespace larder {

Element* ElementTable::replace(Bytes key, std::optional<Bytes> value, int64_t expiry_ms) {
  Slot* slot = table_.find(place_of(key), key);
  Element* old = Nodes::entry_of(*slot);
  Element* element = Element::make(slab_, key, value, expiry_ms);
  Nodes::replace(slot, element);
  Element::release(slab_, old);
  return element;
}

bool ElementTable::remove(Bytes key) {
  const HashPlace where = place_of(key);
  Slot* slot = table_.find(where, key);
  if (slot == nullptr) return false;
  Element* element = Nodes::entry_of(*slot);
  table_.erase(where, slot);
  Element::release(slab_, element);
  return true;
}

size_t ElementTable::memory_bytes() const {
  size_t bytes = table_.memory_bytes();
  each([&](const Element* element) { bytes += Slab::usable(element->bytes()); });
  return bytes;
}

void ElementTable::release_elements() {
  each([this](Element* element) { Element::release(slab_, element); });
}

}  // namespace larder
