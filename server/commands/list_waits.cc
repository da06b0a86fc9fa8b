// Lists: commands that wait until there is something to take; see blocking.h for how. Each of them
// is run again, as it is, when one of its keys was changed.
// Source: https://redis.io/commands/?group=list
#include "server/commands/families.h"
#include "server/commands/list_values.h"
#include "server/engine/blocking.h"
#include "server/engine/effect_words.h"

namespace larder {
namespace {

// The keys stand before the time-out, which is the last argument.
Status pop_or_wait(Call& call, ListEnd end) {
  Args args(call);
  const size_t timeout_at = call.arg_count() - 1;
  while (args.position() < timeout_at) args.skip();
  const int64_t until_ms = take_timeout(args, call.now_ms());
  if (!args.ok()) return args.error();
  for (size_t i = 1; i < timeout_at; ++i) {
    const Key key = call.key(i);
    const Item item = call.find_to_write(key);
    if (!item) continue;
    if (item->type() != Type::list) {
      if (call.is_retry()) continue;
      return Status::error(errors::kWrongType);
    }
    call.reply().array(2);
    call.reply().bulk(key.name);
    reply_and_pop(call, key, item, end);
    call.effect({end == ListEnd::head ? "LPOP" : "RPOP", key.name});
    return Status::ok();
  }
  return call.wait_for_keys({.until_ms = until_ms, .type = Type::list});
}

Status blpop(Call& call) { return pop_or_wait(call, ListEnd::head); }
Status brpop(Call& call) { return pop_or_wait(call, ListEnd::tail); }

// Only the source is waited for, and only a transaction is answered with a plain null.
Status move_or_wait(Call& call, const ListMove& move, int64_t until_ms,
                    std::initializer_list<Bytes> effect) {
  const Item from = call.find_to_write(move.from);
  const bool is_list = from && from->type() == Type::list;
  if (is_list) {
    Status status = move_item(call, move);
    if (status.is_ok()) call.effect(effect);
    return status;
  }
  if (from && !call.is_retry()) return Status::error(errors::kWrongType);
  return call.wait_for_keys({.until_ms = until_ms,
                             .type = Type::list,
                             .nothing = call.is_nested() ? Nothing::null : Nothing::null_array});
}

Status brpoplpush(Call& call) {
  Args args(call);
  const ListMove move{args.key(), args.key()};
  const int64_t until_ms = take_timeout(args, call.now_ms());
  if (!args.ok()) return args.error();
  return move_or_wait(call, move, until_ms, {"RPOPLPUSH", move.from.name, move.to.name});
}

Status blmove(Call& call) {
  Args args(call);
  ListMove move{args.key(), args.key()};
  move.from_end = take_end(args);
  move.to_end = take_end(args);
  const int64_t until_ms = take_timeout(args, call.now_ms());
  if (!args.ok()) return args.error();
  return move_or_wait(call, move, until_ms,
                      {"LMOVE", move.from.name, move.to.name, call.arg(3), call.arg(4)});
}

// Redis reads the time-out last though it stands first.
Status blmpop(Call& call) {
  Args timeout(call);
  Args args(call);
  args.skip();
  const ListTake take = take_mpop(args);
  if (!args.ok()) return args.error();
  const int64_t until_ms = take_timeout(timeout, call.now_ms());
  if (!timeout.ok()) return timeout.error();
  Status status = Status::ok();
  if (try_mpop(call, take, status)) return status;
  return call.wait_for_keys({.until_ms = until_ms, .type = Type::list});
}

constexpr Flag kWaits = Flag::write | Flag::blocking;
constexpr Acl kAcl = Acl::write | Acl::list | Acl::slow | Acl::blocking;
constexpr KeySpec kMoveKeys =
    first_and_others(1, 2, KeyUse::read_write_access_delete, KeyUse::read_write_insert);

constexpr CommandSpec pop_card(Bytes name, Bytes summary, Handler run) {
  return {.name = name,
          .syntax = "key [key ...] timeout",
          .summary = summary,
          .since = "2.0.0",
          .complexity = "O(N) where N is the number of keys.",
          .group = "list",
          .arity = at_least(3),
          .flags = kWaits,
          .keys = keys_from(1, -2, 1, KeyUse::read_write_access_delete),
          .acl = kAcl,
          .run = run};
}

constexpr auto kFamily = family({
    pop_card("BLPOP", "Takes the first element of a list, waiting until there is one.", blpop),
    pop_card("BRPOP", "Takes the last element of a list, waiting until there is one.", brpop),
    {.name = "BRPOPLPUSH",
     .syntax = "source destination timeout",
     .summary = "Moves the last element of a list to the head of another, waiting until there is "
                "one.",
     .since = "2.2.0",
     .complexity = "O(1)",
     .group = "list",
     .arity = exactly(4),
     .flags = kWaits | Flag::deny_oom,
     .keys = kMoveKeys,
     .acl = kAcl,
     .run = brpoplpush,
     .deprecated_since = "6.2.0",
     .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments"},
    {.name = "BLMOVE",
     .syntax = "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
     .summary = "Moves an element from one list to another, waiting until there is one.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .group = "list",
     .arity = exactly(6),
     .flags = kWaits | Flag::deny_oom,
     .keys = kMoveKeys,
     .acl = kAcl,
     .run = blmove},
    {.name = "BLMPOP",
     .syntax = "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
     .summary = "Takes elements from the first list that has some, waiting until one has.",
     .since = "7.0.0",
     .complexity = "O(N+M) where N is the number of keys and M the number of elements returned.",
     .group = "list",
     .arity = at_least(5),
     .flags = Flag::write | Flag::blocking | Flag::movable_keys,
     .keys = keys_counted_at(2, 1, KeyUse::read_write_access_delete),
     .acl = kAcl,
     .run = blmpop},
});

}  // namespace

std::span<const CommandSpec> list_wait_commands() { return kFamily; }

}  // namespace larder
