// Intersections, unions and differences of sets.
// Source: https://redis.io/commands/?group=set
#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "server/commands/families.h"
#include "server/commands/replaced_key.h"
#include "server/commands/set_values.h"
#include "server/engine/args.h"
#include "server/engine/sliced_read.h"
#include "storage/element_table.h"

namespace larder {
namespace {

using Sets = std::vector<Set>;

// The sets of the keys at the arguments first to last; false when one is of another type. Looking
// an expired key up removes it, which makes other items invalid: so items are taken afterwards.
bool open_sets(Call& call, size_t first, size_t last, Sets& sets) {
  for (size_t i = first; i <= last; ++i) {
    if (!is_type(call.find_to_read(call.key(i)), Type::set)) return false;
  }
  sets.reserve(last - first + 1);
  for (size_t i = first; i <= last; ++i) {
    const Key key = call.key(i);
    Keyspace& keys = call.keyspace(key);
    sets.emplace_back(keys, key, keys.find(key));
  }
  return true;
}

void sort_by_size(std::vector<const Set*>& sets) {
  std::stable_sort(sets.begin(), sets.end(),
                   [](const Set* a, const Set* b) { return a->size() < b->size(); });
}

// Calls visit(member), which returns whether to go on, for each member that all sets have. Looks
// the members of the smallest up in the others, small ones first.
template <typename Visit>
void intersect(const Sets& sets, Visit visit) {
  std::vector<const Set*> by_size;
  for (const Set& set : sets) by_size.push_back(&set);
  sort_by_size(by_size);
  if (!by_size.front()->exists()) return;
  bool more = true;
  by_size.front()->each([&](Bytes member) {
    if (!more) return;
    const bool in_all = std::all_of(by_size.begin() + 1, by_size.end(),
                                    [&](const Set* set) { return set->contains(member); });
    if (in_all) more = visit(member);
  });
}

// Members of the first set that no other has.
template <typename Visit>
void subtract(const Sets& sets, Visit visit) {
  sets.front().each([&](Bytes member) {
    const bool in_another = std::any_of(sets.begin() + 1, sets.end(),
                                        [&](const Set& set) { return set.contains(member); });
    if (!in_another) visit(member);
  });
}

enum class Operation { intersection, union_of_all, difference };

// A result on its own: it doesn't change when a set does that it came from.
class Members {
 public:
  Members() : table_(slab_) {}

  void collect(Operation operation, const Sets& sets) {
    switch (operation) {
      case Operation::intersection:
        return intersect(sets, [this](Bytes member) {
          table_.add(member);
          return true;
        });
      case Operation::difference:
        return subtract(sets, [this](Bytes member) { table_.add(member); });
      case Operation::union_of_all:
        for (const Set& set : sets) {
          set.each([this](Bytes member) { add(member); });
        }
    }
  }
  // Returns true when the member is new.
  bool add(Bytes member) {
    if (table_.find(member) != nullptr) return false;
    table_.add(member);
    return true;
  }
  const ElementTable& table() const { return table_; }

 private:
  Slab slab_;  // the elements go with it
  ElementTable table_;
};

// The same in slices. No two sets are looked at under one lock: members of the first are taken some
// hundred at a time, and each other set in turn says which of them stay.
class AlgebraRead : public SlicedRead {
 public:
  // `keys` in the order in which they are read. Stops at `limit` members; 0: none.
  AlgebraRead(Call& call, Operation operation, const std::vector<Key>& keys, bool only_count,
              size_t limit)
      : SlicedRead(call, keys, Type::set),
        operation_(operation),
        keys_(keys.size()),
        only_count_(only_count),
        limit_(limit) {}

 private:
  void restart() override {
    source_ = filter_ = count_ = 0;
    cursor_ = 0;
    chunk_.clear();
    united_ = std::make_unique<Members>();
    found_.clear();
  }

  size_t next_key() const override { return filter_ != 0 ? filter_ : source_; }

  bool read(const Slice& slice) override {
    const Set set(slice.keys, slice.key, slice.item);
    if (operation_ == Operation::union_of_all) {
      take_some(set, [this](Bytes member) {
        if (united_->add(member)) found(member);
      });
      if (cursor_ == 0) ++source_;
      return source_ < keys_;
    }
    if (filter_ == 0) {
      take_some(set, [this](Bytes member) { chunk_.emplace_back(member); });
    } else {
      const bool wanted = operation_ == Operation::intersection;
      std::erase_if(chunk_, [&](const auto& member) { return set.contains(member) != wanted; });
    }
    ++filter_;
    if (filter_ < keys_ && !chunk_.empty()) return true;
    for (const std::string& member : chunk_) found(member);
    chunk_.clear();
    filter_ = 0;
    return cursor_ != 0 && (limit_ == 0 || count_ < limit_);
  }

  // Visits some hundred members behind the cursor.
  template <typename Visit>
  void take_some(const Set& set, Visit visit) {
    if (!set.exists() || !set.is_object()) return set.each(visit);
    cursor_ = set.object().table().walk(
        cursor_, [&](const Element* element) { visit(element->key()); });
  }

  void found(Bytes member) {
    ++count_;
    if (!only_count_) found_.add(member);
  }

  void write(ReplyWriter& reply) override {
    if (only_count_) {
      reply.integer(static_cast<int64_t>(limit_ == 0 ? count_ : std::min(count_, limit_)));
    } else {
      reply.set(count_);
      found_.write(reply);
    }
  }

  const Operation operation_;
  const size_t keys_;
  const bool only_count_;
  const size_t limit_;
  size_t source_ = 0;
  size_t filter_ = 0;     // the set that looks at the chunk next; 0: it is to be filled
  uint64_t cursor_ = 0;   // in the source
  std::vector<std::string> chunk_;
  std::unique_ptr<Members> united_ = std::make_unique<Members>();
  size_t count_ = 0;
  ReplyPieces found_;
};

size_t members_to_visit(Operation operation, const Sets& sets) {
  size_t sum = 0;
  size_t least = sets.front().size();
  for (const Set& set : sets) {
    sum += set.size();
    least = std::min(least, set.size());
  }
  if (operation == Operation::intersection) return least;
  return operation == Operation::difference ? sets.front().size() : sum;
}

// Starts a read in slices if it is a long one.
bool start_long_read(Call& call, Operation operation, const Sets& sets, bool only_count,
                     size_t limit = 0) {
  const size_t visits = members_to_visit(operation, sets);
  if (visits <= kReadAtOnceMax || (limit != 0 && limit <= kReadAtOnceMax)) return false;
  std::vector<const Set*> order;
  for (const Set& set : sets) order.push_back(&set);
  if (operation == Operation::intersection) sort_by_size(order);
  std::vector<Key> keys;
  for (const Set* set : order) keys.push_back(set->key());
  call.start_task(std::make_unique<AlgebraRead>(call, operation, keys, only_count, limit));
  return true;
}

template <Operation operation>
Status answer(Call& call) {
  Sets sets;
  if (!open_sets(call, 1, call.arg_count() - 1, sets)) return Status::error(errors::kWrongType);
  if (start_long_read(call, operation, sets, false)) return Status::ok();
  ReplyWriter& reply = call.reply();
  const size_t mark = reply.open();
  size_t count = 0;
  const auto write = [&](Bytes member) {
    reply.bulk(member);
    ++count;
    return true;
  };
  if (operation == Operation::intersection) {
    intersect(sets, write);
  } else if (operation == Operation::difference) {
    subtract(sets, write);
  } else {
    Members members;
    members.collect(operation, sets);
    members.table().each([&](const Element* element) { write(element->key()); });
  }
  reply.close_set(mark, count);
  return Status::ok();
}

// Puts the members in place of whatever the first key holds.
void store_members(Call& call, const char* event, const ElementTable& members) {
  const Key key = call.key(1);
  Keyspace& keys = call.keyspace(key);
  const Item old = call.find_to_write(key);
  if (old) keys.remove(old);
  if (members.size() == 0) {
    if (old) call.changed("del", key);
    return;
  }
  const ReplacedKey told(keys, static_cast<bool>(old));
  Set set(keys, key, {});
  const SetLimits limits = set_limits(call);
  members.each([&](const Element* element) { set.add(element->key(), limits, members.size()); });
  call.changed(event, key);
}

template <Operation operation>
Status store_result(Call& call, const char* event) {
  Members members;
  {
    Sets sets;
    if (!open_sets(call, 2, call.arg_count() - 1, sets)) return Status::error(errors::kWrongType);
    members.collect(operation, sets);
  }
  store_members(call, event, members.table());
  call.reply().integer(static_cast<int64_t>(members.table().size()));
  return Status::ok();
}

Status sinterstore(Call& call) {
  return store_result<Operation::intersection>(call, "sinterstore");
}
Status sunionstore(Call& call) {
  return store_result<Operation::union_of_all>(call, "sunionstore");
}
Status sdiffstore(Call& call) { return store_result<Operation::difference>(call, "sdiffstore"); }

Status sintercard(Call& call) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  Args args(call);
  const int64_t keys = args.integer_in(1, kMax, "ERR numkeys should be greater than 0");
  if (args.ok() && static_cast<uint64_t>(keys) > args.left()) {
    args.fail("ERR Number of keys can't be greater than number of args");
  }
  for (int64_t i = 0; i < keys && args.ok(); ++i) args.skip();
  int64_t limit = 0;
  while (args.more()) {
    if (!args.take_with_value("LIMIT")) args.reject();
    if (args.ok()) limit = args.integer_in(0, kMax, "ERR LIMIT can't be negative");
  }
  if (!args.ok()) return args.error();
  Sets sets;
  if (!open_sets(call, 2, 1 + static_cast<size_t>(keys), sets)) {
    return Status::error(errors::kWrongType);
  }
  if (start_long_read(call, Operation::intersection, sets, true, static_cast<size_t>(limit))) {
    return Status::ok();
  }
  int64_t count = 0;
  intersect(sets, [&](Bytes) { return ++count != limit; });
  call.reply().integer(count);
  return Status::ok();
}

constexpr CommandSpec reader(Bytes name, Bytes summary, Bytes complexity, Handler run) {
  return {.name = name, .syntax = "key [key ...]", .summary = summary, .since = "1.0.0",
          .complexity = complexity, .group = "set", .arity = at_least(2),
          .flags = Flag::readonly, .keys = keys_from(1, -1, 1, KeyUse::read_only_access),
          .acl = Acl::read | Acl::set | Acl::slow, .run = run};
}

// Redis says of SINTERSTORE alone that it reads what it overwrites.
constexpr CommandSpec storer(Bytes name, Bytes summary, Bytes complexity, Handler run,
                             KeyUse target = KeyUse::overwrite_update) {
  return {.name = name, .syntax = "destination key [key ...]", .summary = summary,
          .since = "1.0.0", .complexity = complexity, .group = "set", .arity = at_least(3),
          .flags = Flag::write | Flag::deny_oom,
          .keys = first_and_others(1, -1, target, KeyUse::read_only_access),
          .acl = Acl::write | Acl::set | Acl::slow, .run = run};
}

constexpr Bytes kSmallest =
    "O(N*M) where N is the size of the smallest set and M the number of sets";
constexpr Bytes kSum = "O(N) where N is the number of members in all sets";

constexpr auto kFamily = family({
    reader("SINTER", "Returns the members that all sets have.", kSmallest,
           answer<Operation::intersection>),
    storer("SINTERSTORE", "Stores the members that all sets have.", kSmallest, sinterstore,
           KeyUse::read_write_update),
    reader("SUNION", "Returns the members of all sets.", kSum, answer<Operation::union_of_all>),
    storer("SUNIONSTORE", "Stores the members of all sets.", kSum, sunionstore),
    reader("SDIFF", "Returns the members of the first set that no other has.", kSum,
           answer<Operation::difference>),
    storer("SDIFFSTORE", "Stores the members of the first set that no other has.", kSum,
           sdiffstore),
    {.name = "SINTERCARD", .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "Counts the members that all sets have.", .since = "7.0.0",
     .complexity = kSmallest, .group = "set", .arity = at_least(3),
     .flags = Flag::readonly | Flag::movable_keys,
     .keys = keys_counted_at(1, 1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::set | Acl::slow, .run = sintercard},
});

}  // namespace

std::span<const CommandSpec> set_algebra_commands() { return kFamily; }

}  // namespace larder
