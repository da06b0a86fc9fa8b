// Sets: members without repetition. Three forms:
//
//   integers  IntegerRun, while every member is one
//   pack      | member | member | ...      in the order they came
//   object    ElementObject without values
//
// A set takes the first form that its members and the limits allow, and goes down this list only.
// A set without members is no key. What a reply looks like is no matter here.
#pragma once

#include <cstdint>
#include <optional>

#include "base/numbers.h"
#include "base/random.h"
#include "storage/element_object.h"
#include "storage/integer_run.h"
#include "storage/keyspace.h"
#include "storage/pack.h"
#include "storage/pack_limits.h"

namespace larder {

struct SetLimits {
  size_t integers_max = 0;
  PackLimits pack;
};

// The set of a key, or the place where it will be. Changes keep the item up to date.
class Set {
 public:
  // `item` is a set or null.
  Set(Keyspace& keys, const Key& key, Item item) : keys_(keys), key_(key), item_(item) {}

  const Key& key() const { return key_; }
  bool exists() const { return static_cast<bool>(item_); }
  size_t size() const;
  bool contains(Bytes member) const;
  // The member of an index below size(), of a set that is no object. A view that holds until the
  // set changes or another member is looked at, like all members given out here.
  Bytes at(size_t index) const;
  // Calls visit(Bytes) for every member.
  template <typename Visit>
  void each(Visit visit) const;
  // A random member of a set that exists.
  Bytes sample(Random& random) const;

  // Returns true when the member is new. `hint`: about how many will be added to a set that is
  // not there yet.
  bool add(Bytes member, const SetLimits& limits, size_t hint = 1);
  // Removes a member, which may be a view of this set; with the last one the key goes. Returns
  // false when it is missing.
  bool remove(Bytes member);
  // Removes the key with all members.
  void clear();

  bool is_object() const { return item_->encoding() == Encoding::object; }
  ElementObject& object() const {
    return *static_cast<ElementObject*>(Keyspace::object_of(*item_.entry()));
  }

 private:
  bool is_integers() const { return item_->encoding() == Encoding::integers; }
  IntegerRun run() const { return IntegerRun(item_->payload_view()); }
  Pack pack() const { return Pack(item_->payload_view()); }
  Bytes text_of(int64_t integer) const {
    return {text_.text, format_int64(integer, text_.text)};
  }
  void make(Bytes member, const SetLimits& limits, size_t hint);
  bool add_integer(int64_t value, const SetLimits& limits);
  bool add_packed(Bytes member, const SetLimits& limits);
  bool add_to_object(Bytes member);
  bool fits_pack(Bytes member, const SetLimits& limits) const;
  void to_pack();
  void to_object();
  void put(Encoding encoding, Bytes payload);

  Keyspace& keys_;
  const Key key_;
  Item item_;
  mutable IntegerText text_;
};

template <typename Visit>
void Set::each(Visit visit) const {
  if (!exists()) return;
  if (is_object()) {
    return object().table().each([&](const Element* element) { visit(element->key()); });
  }
  if (is_integers()) {
    const IntegerRun integers = run();
    for (size_t i = 0; i < integers.size(); ++i) visit(text_of(integers.at(i)));
    return;
  }
  const Pack members = pack();
  for (size_t at = 0; !members.is_end(at);) {
    const Pack::Item member = members.at(at);
    at = member.end();
    visit(member.bytes(text_));
  }
}

}  // namespace larder
