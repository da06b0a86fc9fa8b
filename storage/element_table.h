// A hash table of elements by key: the body of big sets and hashes, and of big
// sorted sets beside their tree. Everything lives in the slab it is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "storage/element.h"
#include "storage/key.h"
#include "storage/slab.h"
#include "storage/table.h"

namespace larder {

class ElementTable {
 public:
  explicit ElementTable(Slab& slab) : slab_(slab), table_(0, &slab) {}

  // Null when the key is not there.
  Element* find(Bytes key) {
    Slot* slot = table_.find(place_of(key), key);
    return slot == nullptr ? nullptr : Nodes::entry_of(*slot);
  }
  const Element* find(Bytes key) const { return const_cast<ElementTable*>(this)->find(key); }
  // Adds an element under a key that is not there.
  Element* add(Bytes key, std::optional<Bytes> value = {}, int64_t expiry_ms = -1) {
    Element* element = Element::make(slab_, key, value, expiry_ms);
    table_.insert(place_of(key), element);
    return element;
  }
  // Gives the element of a key that is there another value and expiry. The
  // element may move.
  Element* replace(Bytes key, std::optional<Bytes> value, int64_t expiry_ms = -1);
  // Returns false when the key is not there.
  bool remove(Bytes key);

  size_t size() const { return table_.size(); }
  // Some element, each equally likely; null when empty. `random` is 64 random bits.
  Element* sample(uint64_t random) { return table_.sample(random); }
  // Visits every element; `visit` must not change the table.
  template <typename Visit>
  void each(Visit visit) const {
    uint64_t cursor = 0;
    do {
      cursor = walk(cursor, visit);
    } while (cursor != 0);
  }
  // The same in steps of some hundred elements: returns the next cursor, 0 at the end. Between
  // steps the table may change.
  template <typename Visit>
  uint64_t walk(uint64_t cursor, Visit visit) const {
    return const_cast<Nodes&>(table_).scan_segment(cursor, visit);
  }
  // Visits the elements of one place of the table, as place_of_key gives it.
  template <typename Visit>
  void each_at(uint32_t place, Visit visit) const {
    const_cast<Nodes&>(table_).each_candidate(place, [&](const Slot* slot) {
      const Element* element = Nodes::entry_of(*slot);
      if (Nodes::place_of(element, 0).place == place) visit(element);
    });
  }
  static uint32_t place_of_key(Bytes key) { return place_of(key).place; }
  // Visits a few elements and returns the next cursor, 0 at the end; SCAN's
  // guarantee, see Table.
  template <typename Visit>
  uint64_t scan(uint64_t cursor, Visit visit) {
    return table_.scan(cursor, visit);
  }
  // Slots and elements, as the slab gave them. Cost: O(N).
  size_t memory_bytes() const;
  // Frees all elements; the table itself goes with its destructor.
  void release_elements();
  void validate() const { table_.validate(); }

 private:
  using Nodes = BasicTable<Element>;
  using Slot = Nodes::Slot;

  static HashPlace place_of(Bytes key) { return Nodes::place_of_hash(hash_of(key), 0); }

  Slab& slab_;
  Nodes table_;
};

}  // namespace larder
