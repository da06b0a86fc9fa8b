// Lists: changes inside, by index or by value, and looking for values.
// Source: https://redis.io/commands/?group=list
#include "server/commands/families.h"
#include "server/commands/index_range.h"
#include "server/commands/list_values.h"
#include "server/engine/listeners.h"

namespace larder {
namespace {

constexpr const char* kIndexRange = "ERR index out of range";

Status lset(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Item item = call.find_to_write(key);
  if (!item) return Status::error(errors::kNoSuchKey);
  if (!is_type(item, Type::list)) return Status::error(errors::kWrongType);
  int64_t index = args.integer();
  const Bytes value = args.bytes();
  if (!args.ok()) return args.error();
  List& list = list_of(item);
  if (index < 0) index += static_cast<int64_t>(list.size());
  const List::Cursor at = index < 0 ? List::Cursor{} : list.at(static_cast<size_t>(index));
  if (!at.valid()) return Status::error(kIndexRange);
  const ListLimits limits = list_limits(call);
  list.note_growth(limits, value.size(), 1);
  list.set(at, value, limits);
  list.note_shrinkage(limits);
  call.changed("lset", key);
  call.reply().ok();
  return Status::ok();
}

// The first item equal to `wanted` from an end on.
List::Cursor find_value(const List& list, ListEnd from, const PackedValue& wanted) {
  List::Cursor at = list.outermost(from);
  while (at.valid() && !at.value().equals(wanted)) at.step(opposite(from));
  return at;
}

Status linsert(Call& call) {
  Args args(call);
  const Key key = args.key();
  std::optional<ListEnd> side;
  if (!args.take_one_of(side, {{"BEFORE", ListEnd::head}, {"AFTER", ListEnd::tail}})) {
    args.reject();
  }
  const PackedValue pivot = PackedValue::of(args.bytes());
  const Bytes value = args.bytes();
  if (!args.ok()) return args.error();
  const Item item = call.find_to_write(key);
  if (!is_type(item, Type::list)) return Status::error(errors::kWrongType);
  if (!item) {
    call.reply().integer(0);
    return Status::ok();
  }
  List& list = list_of(item);
  const List::Cursor at = find_value(list, ListEnd::head, pivot);
  if (!at.valid()) {
    call.reply().integer(-1);
    return Status::ok();
  }
  const ListLimits limits = list_limits(call);
  list.note_growth(limits, value.size(), 1);
  list.insert(at, *side, value, limits);
  call.reply().integer(static_cast<int64_t>(list.size()));
  if (list.size() > Object::kSharedSlabElements) call.keyspace(key).grown(item);
  call.changed("linsert", key);
  return Status::ok();
}

size_t remove_values(List& list, ListEnd from, const PackedValue& wanted, size_t most) {
  size_t removed = 0;
  List::Cursor at = list.outermost(from);
  while (at.valid() && removed < most) {
    if (at.value().equals(wanted)) {
      at = list.erase(at, opposite(from));
      ++removed;
    } else {
      at.step(opposite(from));
    }
  }
  return removed;
}

Status lrem(Call& call) {
  constexpr const char* kCountRange =
      "ERR value is out of range, value must between -9223372036854775807 and "
      "9223372036854775807";
  Args args(call);
  const Key key = args.key();
  const int64_t count = args.integer();
  if (count == INT64_MIN) args.fail(kCountRange);
  const PackedValue wanted = PackedValue::of(args.bytes());
  if (!args.ok()) return args.error();
  const Item item = call.find_to_write(key);
  if (!is_type(item, Type::list)) return Status::error(errors::kWrongType);
  const ListEnd from = count < 0 ? ListEnd::tail : ListEnd::head;
  const size_t most = count == 0 ? SIZE_MAX : static_cast<size_t>(count < 0 ? -count : count);
  const size_t removed = item ? remove_values(list_of(item), from, wanted, most) : 0;
  if (removed > 0) {
    list_of(item).join_blocks(list_limits(call));
    items_removed(call, key, item, "lrem");
    call.count_changes(removed);
  }
  call.reply().integer(static_cast<int64_t>(removed));
  return Status::ok();
}

// As after a change, but no save point counts it and no replica gets it.
void tell_unchanged(Call& call, const char* event, const Key& key) {
  Listeners& listeners = call.services().listeners;
  const Session& session = call.session();
  listeners.changed(event, session.db, key.name, session.id);
  touch_watches(listeners.watches, key, session.db);
}

Status ltrim(Call& call) {
  Args args(call);
  const Key key = args.key();
  const int64_t start = args.integer();
  const int64_t end = args.integer();
  if (!args.ok()) return args.error();
  const Item item = call.find_to_write(key);
  if (!is_type(item, Type::list)) return Status::error(errors::kWrongType);
  call.reply().ok();
  if (!item) return Status::ok();
  List& list = list_of(item);
  const IndexRange kept = index_range(start, end, list.size());
  const size_t dropped = list.size() - kept.count;
  if (dropped == 0) {
    tell_unchanged(call, "ltrim", key);
    return Status::ok();
  }
  list.drop(ListEnd::tail, list.size() - kept.first - kept.count);
  list.drop(ListEnd::head, kept.first);
  items_removed(call, key, item, "ltrim");
  call.count_changes(dropped);
  return Status::ok();
}

struct Search {
  int64_t rank = 1;
  std::optional<int64_t> count;  // 0: all
  int64_t items_max = 0;         // 0: all
};

Search take_search(Args& args) {
  constexpr const char* kRankZero =
      "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
      "negative to start from the end of the list";
  Search search;
  while (args.more()) {
    if (args.take_with_value("RANK")) {
      search.rank = args.integer();
      if (args.ok() && search.rank == 0) args.fail(kRankZero);
      if (search.rank == INT64_MIN) {
        args.fail(
            "ERR value is out of range, value must between -9223372036854775807 and "
            "9223372036854775807");
      }
    } else if (args.take_with_value("COUNT")) {
      search.count = args.integer_in(0, INT64_MAX, "ERR COUNT can't be negative");
    } else if (args.take_with_value("MAXLEN")) {
      search.items_max = args.integer_in(0, INT64_MAX, "ERR MAXLEN can't be negative");
    } else {
      args.reject();
    }
  }
  return search;
}

// Calls `found` with the index of each match until it returns false.
template <typename Found>
void each_match(const List& list, const Search& search, const PackedValue& wanted, Found found) {
  const ListEnd from = search.rank > 0 ? ListEnd::head : ListEnd::tail;
  int64_t to_skip = (search.rank > 0 ? search.rank : -search.rank) - 1;
  const size_t most = search.items_max == 0 ? SIZE_MAX : static_cast<size_t>(search.items_max);
  List::Cursor at = list.outermost(from);
  for (size_t steps = 0; at.valid() && steps < most; ++steps, at.step(opposite(from))) {
    if (!at.value().equals(wanted) || to_skip-- > 0) continue;
    const size_t index = from == ListEnd::head ? steps : list.size() - 1 - steps;
    if (!found(static_cast<int64_t>(index))) return;
  }
}

Status lpos(Call& call) {
  Args args(call);
  const Key key = args.key();
  const PackedValue wanted = PackedValue::of(args.bytes());
  const Search search = take_search(args);
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!is_type(item, Type::list)) return Status::error(errors::kWrongType);
  const size_t mark = call.reply().open();
  const int64_t most = search.count.value_or(1);
  int64_t matches = 0;
  if (item) {
    each_match(list_of(item), search, wanted, [&](int64_t index) {
      call.reply().integer(index);
      return ++matches != most;
    });
  }
  if (search.count) {
    call.reply().close_array(mark, static_cast<size_t>(matches));
  } else if (matches == 0) {
    call.reply().null();
  }
  return Status::ok();
}

constexpr Bytes kWalkCost = "O(N) where N is the number of elements looked at.";

constexpr auto kFamily = family({
    {.name = "LSET",
     .syntax = "key index element",
     .summary = "Replaces the element of an index.",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of blocks from the nearer end to the element.",
     .group = "list",
     .arity = exactly(4),
     .flags = Flag::write | Flag::deny_oom,
     .keys = key_at(1, KeyUse::read_write_update),
     .acl = Acl::write | Acl::list | Acl::slow,
     .run = lset},
    {.name = "LINSERT",
     .syntax = "key <BEFORE | AFTER> pivot element",
     .summary = "Adds an element before or after another.",
     .since = "2.2.0",
     .complexity = kWalkCost,
     .group = "list",
     .arity = exactly(5),
     .flags = Flag::write | Flag::deny_oom,
     .keys = key_at(1, KeyUse::read_write_insert),
     .acl = Acl::write | Acl::list | Acl::slow,
     .run = linsert},
    {.name = "LREM",
     .syntax = "key count element",
     .summary = "Removes elements equal to a value, up to a count, from one end on.",
     .since = "1.0.0",
     .complexity = kWalkCost,
     .group = "list",
     .arity = exactly(4),
     .flags = Flag::write,
     .keys = key_at(1, KeyUse::read_write_delete),
     .acl = Acl::write | Acl::list | Acl::slow,
     .run = lrem},
    {.name = "LTRIM",
     .syntax = "key start stop",
     .summary = "Removes the elements outside a range of indexes.",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of blocks to remove.",
     .group = "list",
     .arity = exactly(4),
     .flags = Flag::write,
     .keys = key_at(1, KeyUse::read_write_delete),
     .acl = Acl::write | Acl::list | Acl::slow,
     .run = ltrim},
    {.name = "LPOS",
     .syntax = "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
     .summary = "Returns the indexes of elements equal to a value.",
     .since = "6.0.6",
     .complexity = kWalkCost,
     .group = "list",
     .arity = at_least(3),
     .flags = Flag::readonly,
     .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::list | Acl::slow,
     .run = lpos},
});

}  // namespace

std::span<const CommandSpec> list_edit_commands() { return kFamily; }

}  // namespace larder
