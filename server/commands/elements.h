// The elements of a list, set or sorted set, whichever it is, one after the other.
#pragma once

#include "server/commands/list_values.h"
#include "server/engine/call.h"
#include "storage/set.h"
#include "storage/sorted_sets.h"

namespace larder {

inline bool has_elements(const Entry& entry) {
  return entry.type() == Type::list || entry.type() == Type::set ||
         entry.type() == Type::sorted_set;
}

// Calls visit(Bytes) for every element: of a list from head to tail, of a sorted set from the
// lowest score to the highest, of a set in any order. The view holds until visit returns.
template <typename Visit>
void each_element(Call& call, const Key& key, Item item, Visit visit) {
  if (item->type() == Type::set) return Set(call.keyspace(key), key, item).each(visit);
  if (item->type() == Type::sorted_set) {
    return SortedSetView(item).each([&](Bytes member, double) { visit(member); });
  }
  IntegerText scratch;
  List::Cursor at = list_of(item).outermost(ListEnd::head);
  for (; at.valid(); at.step(ListEnd::tail)) visit(at.value().bytes(scratch));
}

}  // namespace larder
