// What the list commands share: from key to list, adding, and what follows a removal.
#pragma once

#include <optional>
#include <span>

#include "server/engine/args.h"
#include "server/engine/call.h"
#include "server/engine/errors.h"
#include "server/engine/key_types.h"
#include "storage/list.h"

namespace larder {

// Of an item that is a list.
inline List& list_of(Item item) { return static_cast<List&>(*Keyspace::object_of(*item.entry())); }

inline ListLimits list_limits(Call& call) {
  const LiveSettings& settings = call.settings();
  return ListLimits::of_option(settings.list_max_listpack_size.load(std::memory_order_relaxed),
                               settings.list_compress_depth.load(std::memory_order_relaxed));
}

inline void reply_value(ReplyWriter& reply, const PackedValue& value) {
  IntegerText scratch;
  reply.bulk(value.bytes(scratch));
}

// Adds values at an end, one after the other. The list is made when `item` is null. Returns its
// length.
size_t add_to_list(Call& call, const Key& key, Item item, ListEnd end,
                   std::span<const Bytes> values);
// Adds values at an end, one after the other, and tells so. The list is made when `item` is null.
// Returns its length.
size_t push_values(Call& call, const Key& key, Item item, ListEnd end,
                   std::span<const Bytes> values);
// To be called when items were taken out of the list of `key`: tells so under `event`'s name, and
// an empty list goes away.
void items_removed(Call& call, const Key& key, Item item, const char* event);

// Answers the item at an end and takes it out.
void reply_and_pop(Call& call, const Key& key, Item item, ListEnd end);
// Writes an array of `count` items from an end on, the outermost first, and takes them out.
void reply_and_drop(Call& call, const Key& key, Item item, ListEnd end, size_t count);

inline const char* push_event(ListEnd end) { return end == ListEnd::head ? "lpush" : "rpush"; }
inline const char* pop_event(ListEnd end) { return end == ListEnd::head ? "lpop" : "rpop"; }

// LEFT or RIGHT; anything else is a syntax error.
ListEnd take_end(Args& args);

// The source and destination of LMOVE and its relatives.
struct ListMove {
  Key from;
  Key to;
  ListEnd from_end = ListEnd::tail;
  ListEnd to_end = ListEnd::head;
};
// Moves one item and answers it. The source is a list.
Status move_item(Call& call, const ListMove& move);

// The arguments of LMPOP behind the time-out of BLMPOP.
struct ListTake {
  size_t first_key = 0;
  size_t keys = 0;
  ListEnd end = ListEnd::head;
  size_t count = 1;
};
ListTake take_mpop(Args& args);
// Answers the key and its items for the first key that has some; false when none has. A key of
// another type is an error, or passed over when the command is tried again.
bool try_mpop(Call& call, const ListTake& take, Status& status);

}  // namespace larder
