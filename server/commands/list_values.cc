#include "server/commands/list_values.h"

#include <string>

#include "server/engine/effect_words.h"

namespace larder {

size_t add_to_list(Call& call, const Key& key, Item item, ListEnd end,
                   std::span<const Bytes> values) {
  Keyspace& keys = call.keyspace(key);
  const bool made = !item;
  if (made) {
    item = keys.put_object(key, item, Type::list, make_object<List>(keys.slab()), kNoExpiry);
  }
  List& list = list_of(item);
  const ListLimits limits = list_limits(call);
  size_t bytes = 0;
  for (const Bytes value : values) bytes += value.size();
  list.note_growth(limits, bytes, values.size());
  for (const Bytes value : values) list.push(end, value, limits);
  if (made && values.size() > 1) list.fit();
  const size_t size = list.size();
  if (size > Object::kSharedSlabElements) keys.grown(item);
  return size;
}

size_t push_values(Call& call, const Key& key, Item item, ListEnd end,
                   std::span<const Bytes> values) {
  const size_t size = add_to_list(call, key, item, end, values);
  call.changed(push_event(end), key);
  call.count_changes(values.size());
  return size;
}

void items_removed(Call& call, const Key& key, Item item, const char* event) {
  List& list = list_of(item);
  list.note_shrinkage(list_limits(call));
  const bool empty = list.size() == 0;
  if (empty) call.keyspace(key).remove(item);
  call.changed(event, key);
  if (empty) call.also("del", key);
}

void reply_and_pop(Call& call, const Key& key, Item item, ListEnd end) {
  List& list = list_of(item);
  reply_value(call.reply(), list.outermost(end).value());
  list.pop(end);
  items_removed(call, key, item, pop_event(end));
}

void reply_and_drop(Call& call, const Key& key, Item item, ListEnd end, size_t count) {
  List& list = list_of(item);
  call.reply().array(count);
  List::Cursor at = list.outermost(end);
  for (size_t i = 0; i < count; ++i) {
    reply_value(call.reply(), at.value());
    at.step(opposite(end));
  }
  list.drop(end, count);
  items_removed(call, key, item, pop_event(end));
  call.count_changes(count);
}

ListEnd take_end(Args& args) {
  std::optional<ListEnd> end;
  if (!args.take_one_of(end, {{"LEFT", ListEnd::head}, {"RIGHT", ListEnd::tail}})) args.reject();
  return end.value_or(ListEnd::head);
}

// The value is copied because both keys may name one list, and because a new destination moves
// the source's entry.
Status move_item(Call& call, const ListMove& move) {
  const Item to = call.find_to_write(move.to);
  if (!is_type(to, Type::list)) return Status::error(errors::kWrongType);
  Keyspace& source = call.keyspace(move.from);
  List& from = list_of(source.find(move.from));
  IntegerText scratch;
  const std::string value(from.outermost(move.from_end).value().bytes(scratch));
  const Bytes values[] = {value};
  call.reply().bulk(value);
  from.pop(move.from_end);
  push_values(call, move.to, to, move.to_end, values);
  items_removed(call, move.from, source.find(move.from), pop_event(move.from_end));
  call.count_changes(0);  // one in all
  return Status::ok();
}

ListTake take_mpop(Args& args) {
  ListTake take;
  const int64_t keys = args.integer_in(1, INT64_MAX, "ERR numkeys should be greater than 0");
  if (args.ok() && static_cast<uint64_t>(keys) >= args.left()) args.reject();
  if (!args.ok()) return take;
  take.first_key = args.position();
  take.keys = static_cast<size_t>(keys);
  for (size_t i = 0; i < take.keys; ++i) args.skip();
  take.end = take_end(args);
  bool counted = false;
  while (args.more()) {
    if (counted || !args.take_with_value("COUNT")) {
      args.reject();
    } else {
      take.count =
          static_cast<size_t>(args.integer_in(1, INT64_MAX, "ERR count should be greater than 0"));
      counted = true;
    }
  }
  return take;
}

bool try_mpop(Call& call, const ListTake& take, Status& status) {
  for (size_t i = 0; i < take.keys; ++i) {
    const Key key = call.key(take.first_key + i);
    const Item item = call.find_to_write(key);
    if (!item) continue;
    if (item->type() != Type::list) {
      if (call.is_retry()) continue;
      status = Status::error(errors::kWrongType);
      return true;
    }
    call.reply().array(2);
    call.reply().bulk(key.name);
    const size_t count = std::min(take.count, list_of(item).size());
    reply_and_drop(call, key, item, take.end, count);
    effect_pop(call, take.end == ListEnd::head ? "LPOP" : "RPOP", key, count);
    return true;
  }
  return false;
}

}  // namespace larder
