// Lists: adding and taking at the ends, reading. Changes inside a list are in list_edits.cc, what
// works on several lists in list_moves.cc.
// Source: https://redis.io/commands/?group=list
#include "server/commands/families.h"
#include "server/commands/index_range.h"
#include "server/commands/list_values.h"
#include "server/engine/sliced_read.h"

namespace larder {
namespace {

Status push(Call& call, ListEnd end, bool only_existing) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  if (!is_type(item, Type::list)) return Status::error(errors::kWrongType);
  if (!item && only_existing) {
    call.reply().integer(0);
    return Status::ok();
  }
  const size_t size = push_values(call, key, item, end, call.args().subspan(2));
  call.reply().integer(static_cast<int64_t>(size));
  return Status::ok();
}

Status lpush(Call& call) { return push(call, ListEnd::head, false); }
Status rpush(Call& call) { return push(call, ListEnd::tail, false); }
Status lpushx(Call& call) { return push(call, ListEnd::head, true); }
Status rpushx(Call& call) { return push(call, ListEnd::tail, true); }

Status pop(Call& call, ListEnd end) {
  Args args(call);
  const Key key = args.key();
  const bool counted = args.more();
  const int64_t count =
      counted ? args.integer_in(0, INT64_MAX, "ERR value is out of range, must be positive") : 1;
  if (call.arg_count() > 3) {
    const char* name = end == ListEnd::head ? "lpop" : "rpop";
    return Status::error("ERR wrong number of arguments for '" + std::string(name) + "' command");
  }
  if (!args.ok()) return args.error();
  const Item item = call.find_to_write(key);
  if (!is_type(item, Type::list)) return Status::error(errors::kWrongType);
  if (!item) {
    counted ? call.reply().null_array() : call.reply().null();
  } else if (!counted) {
    reply_and_pop(call, key, item, end);
  } else if (count == 0) {
    call.reply().array(0);
  } else {
    const size_t wanted = std::min(static_cast<size_t>(count), list_of(item).size());
    reply_and_drop(call, key, item, end, wanted);
  }
  return Status::ok();
}

Status lpop(Call& call) { return pop(call, ListEnd::head); }
Status rpop(Call& call) { return pop(call, ListEnd::tail); }

Status llen(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!is_type(item, Type::list)) return Status::error(errors::kWrongType);
  call.reply().integer(item ? static_cast<int64_t>(list_of(item).size()) : 0);
  return Status::ok();
}

class RangeRead : public SlicedRead {
 public:
  RangeRead(Call& call, const Key& key, int64_t start, int64_t end)
      : SlicedRead(call, {&key, 1}, Type::list), start_(start), end_(end) {}

 private:
  static constexpr size_t kItemsPerSlice = 512;

  void restart() override {
    read_ = 0;
    found_.clear();
  }

  bool read(const Slice& slice) override {
    if (!slice.item) return false;
    const List& list = list_of(slice.item);
    const IndexRange range = index_range(start_, end_, list.size());
    const size_t until = std::min(range.count, read_ + kItemsPerSlice);
    const size_t bytes_max = found_.bytes() + kBytesPerSlice;
    List::Cursor at = list.at(range.first + read_);
    for (; read_ < until && found_.bytes() < bytes_max; ++read_) {
      ReplyWriter reply = found_.next();
      reply_value(reply, at.value());
      at.step(ListEnd::tail);
    }
    return read_ < range.count;
  }

  void write(ReplyWriter& reply) override {
    reply.array(read_);
    found_.write(reply);
  }

  const int64_t start_;
  const int64_t end_;
  size_t read_ = 0;
  ReplyPieces found_;
};

Status lrange(Call& call) {
  Args args(call);
  const Key key = args.key();
  const int64_t start = args.integer();
  const int64_t end = args.integer();
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!is_type(item, Type::list)) return Status::error(errors::kWrongType);
  const IndexRange range = item ? index_range(start, end, list_of(item).size()) : IndexRange{};
  if (range.count > kReadAtOnceMax) {
    call.start_task(std::make_unique<RangeRead>(call, key, start, end));
    return Status::ok();
  }
  call.reply().array(range.count);
  if (range.count == 0) return Status::ok();
  List::Cursor at = list_of(item).at(range.first);
  for (size_t left = range.count; left > 0; --left) {
    reply_value(call.reply(), at.value());
    at.step(ListEnd::tail);
  }
  return Status::ok();
}

// Redis looks at the index only when there is a list.
Status lindex(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Item item = call.find_to_read(key);
  if (!is_type(item, Type::list)) return Status::error(errors::kWrongType);
  if (!item) {
    call.reply().null();
    return Status::ok();
  }
  const int64_t index = args.integer();
  if (!args.ok()) return args.error();
  const IndexRange one = index_range(index, index, list_of(item).size());
  const bool behind_head = index < -static_cast<int64_t>(list_of(item).size());
  if (one.count == 0 || behind_head) {
    call.reply().null();
  } else {
    reply_value(call.reply(), list_of(item).at(one.first).value());
  }
  return Status::ok();
}

constexpr Bytes kPushCost =
    "O(1) for each element added, so O(N) to add N elements when the command is called with "
    "multiple arguments.";
constexpr Bytes kPopCost = "O(N) where N is the number of elements returned";

constexpr CommandSpec push_card(Bytes name, Bytes summary, Bytes since, Handler run) {
  return {.name = name,
          .syntax = "key element [element ...]",
          .summary = summary,
          .since = since,
          .complexity = kPushCost,
          .group = "list",
          .arity = at_least(3),
          .flags = Flag::write | Flag::deny_oom | Flag::fast,
          .keys = key_at(1, KeyUse::read_write_insert),
          .acl = Acl::write | Acl::list | Acl::fast,
          .run = run};
}

constexpr CommandSpec pop_card(Bytes name, Bytes summary, Handler run) {
  return {.name = name,
          .syntax = "key [count]",
          .summary = summary,
          .since = "1.0.0",
          .complexity = kPopCost,
          .group = "list",
          .arity = at_least(2),
          .flags = Flag::write | Flag::fast,
          .keys = key_at(1, KeyUse::read_write_access_delete),
          .acl = Acl::write | Acl::list | Acl::fast,
          .run = run};
}

constexpr auto kFamily = family({
    push_card("LPUSH", "Adds elements at the head of a list.", "1.0.0", lpush),
    push_card("RPUSH", "Adds elements at the tail of a list.", "1.0.0", rpush),
    push_card("LPUSHX", "Adds elements at the head of a list that exists.", "2.2.0", lpushx),
    push_card("RPUSHX", "Adds elements at the tail of a list that exists.", "2.2.0", rpushx),
    pop_card("LPOP", "Takes elements from the head of a list.", lpop),
    pop_card("RPOP", "Takes elements from the tail of a list.", rpop),
    {.name = "LLEN",
     .syntax = "key",
     .summary = "Returns the length of a list.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .group = "list",
     .arity = exactly(2),
     .flags = Flag::readonly | Flag::fast,
     .keys = key_at(1, KeyUse::read_only),
     .acl = Acl::read | Acl::list | Acl::fast,
     .run = llen},
    {.name = "LRANGE",
     .syntax = "key start stop",
     .summary = "Returns the elements of a range of indexes.",
     .since = "1.0.0",
     .complexity = "O(S+N) where S is the number of blocks from the nearer end to the start and N "
                   "the number of elements returned.",
     .group = "list",
     .arity = exactly(4),
     .flags = Flag::readonly,
     .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::list | Acl::slow,
     .run = lrange},
    {.name = "LINDEX",
     .syntax = "key index",
     .summary = "Returns the element of an index.",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of blocks from the nearer end to the element.",
     .group = "list",
     .arity = exactly(3),
     .flags = Flag::readonly,
     .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::list | Acl::slow,
     .run = lindex},
});

}  // namespace

std::span<const CommandSpec> list_commands() { return kFamily; }

}  // namespace larder
