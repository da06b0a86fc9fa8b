// Hashes: fields with values, each with an expiry if it was given one. Three forms:
//
//   pack        | field | value | field | value | ...
//   timed_pack  | field | value | expiry | ...      expiry in Unix ms, 0: none
//   object      ElementObject
//
// A hash becomes an object when it outgrows the limits and stays one; it gets times with its first
// field expiry and keeps them. Fields that are due count as missing until they are removed, by
// Keyspace::drop_due_fields before a command or on their time. A hash without fields is no key.
// What a reply looks like is no matter here.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "base/random.h"
#include "storage/element_object.h"
#include "storage/keyspace.h"
#include "storage/pack.h"
#include "storage/pack_limits.h"

namespace larder {

inline constexpr int64_t kNeverMs = std::numeric_limits<int64_t>::max();

// At or before the earliest expiry of a field; kNeverMs when there is none, or the value is no
// hash. Cost: O(N) of a small hash.
int64_t earliest_field_ms(const Entry& entry);

struct DroppedFields {
  size_t dropped = 0;
  size_t left = 0;
};
// How many references of the index are looked at, and where the names of what goes are noted.
struct DropOptions {
  size_t budget;
  std::vector<std::string>* names;  // null: nobody asks
};
// Removes fields that are due; the caller removes the key when none is left.
DroppedFields remove_due_fields(Keyspace& keys, Item item, int64_t now_ms,
                                const DropOptions& options);

// A field where it stands; views that hold until the hash changes or the next one is looked at.
struct HashField {
  Bytes name;
  Bytes value;
  int64_t expiry_ms = kNoExpiry;
};

// The hash of a key, or the place where it will be. Changes keep the item up to date.
class Hash {
 public:
  // `item` is a hash or null.
  Hash(Keyspace& keys, const Key& key, Item item, int64_t now_ms)
      : keys_(keys), key_(key), item_(item), now_ms_(now_ms) {}
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  bool exists() const { return static_cast<bool>(item_); }
  Item item() const { return item_; }
  // Due fields that wait for removal count.
  size_t size() const;
  std::optional<HashField> find(Bytes name) const;
  // The field of an index below size(), of a hash that is a pack; nothing when it is due.
  std::optional<HashField> at(size_t index) const;
  // Calls visit(const HashField&) for every field.
  template <typename Visit>
  void each(Visit visit) const;
  // A random field; nothing when there is none. Cost: O(N) of a small hash, else O(1).
  std::optional<HashField> sample(Random& random) const;

  // Sets a field, which gets this expiry or none. Returns true when it is new. `name` and `value`
  // must not be views of this hash.
  bool put(Bytes name, Bytes value, const PackLimits& limits, int64_t expiry_ms = kNoExpiry);
  // The same for names and values in turn. Returns how many are new.
  size_t put_all(std::span<const Bytes> pairs, const PackLimits& limits);
  // Removes a field; with the last one the key goes. Returns false when it is missing.
  bool remove(Bytes name);
  // Removes those of these fields whose time has come: a big hash may hold them for a tick of its
  // index yet, and who asks for them is to hear that they expired. Not amid a snapshot.
  void drop_due(std::span<const Bytes> names);
  // Changes the time of a field that is there; kNoExpiry takes it off.
  void set_expiry(Bytes name, int64_t expiry_ms);

  bool is_packed() const { return item_->encoding() != Encoding::object; }
  // Of a hash that is none.
  ElementObject& object() const {
    return *static_cast<ElementObject*>(Keyspace::object_of(*item_.entry()));
  }
  bool is_due(int64_t expiry_ms) const { return expiry_ms != kNoExpiry && expiry_ms <= now_ms_; }

 private:
  // A field of a pack, with the bytes it takes.
  struct Place {
    size_t at = 0;
    size_t end = 0;
  };
  bool is_timed() const { return item_->encoding() == Encoding::timed_pack; }
  size_t step() const { return is_timed() ? 3 : 2; }
  HashField packed_at(size_t offset, Place& place) const;
  // `fields`: how many come before it, all when it is not there.
  std::optional<HashField> find_packed(Bytes name, Place& place, size_t* fields = nullptr) const;
  HashField field_of(const Element& element) const {
    return {element.key(), element.value(), element.expiry_ms()};
  }
  // Whether drop_fields() may find something.
  bool may_have_due() const;
  // Removes fields that count as missing, and says so, before they are changed.
  void drop_fields(std::span<const Bytes> names);
  void make(Bytes name, Bytes value, const PackLimits& limits, int64_t expiry_ms);
  size_t make_pack(std::span<const Bytes> pairs);
  bool put_packed(Bytes name, Bytes value, const PackLimits& limits, int64_t expiry_ms);
  bool put_in_object(Bytes name, Bytes value, int64_t expiry_ms);
  void to_timed_pack();
  void to_object();

  Keyspace& keys_;
  const Key key_;
  Item item_;
  const int64_t now_ms_;
  mutable IntegerText name_text_;
  mutable IntegerText value_text_;
};

template <typename Visit>
void Hash::each(Visit visit) const {
  if (!exists()) return;
  if (!is_packed()) {
    return object().table().each([&](const Element* element) {
      const HashField field = field_of(*element);
      if (!is_due(field.expiry_ms)) visit(field);
    });
  }
  for (Place place; place.end < item_->payload_bytes();) {
    const HashField field = packed_at(place.end, place);
    if (!is_due(field.expiry_ms)) visit(field);
  }
}

}  // namespace larder
