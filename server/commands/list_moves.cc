// Lists: commands that take from one of several lists or move between two.
// Source: https://redis.io/commands/?group=list
#include "server/commands/families.h"
#include "server/commands/list_values.h"

namespace larder {
namespace {

Status move_or_null(Call& call, const ListMove& move) {
  const Item from = call.find_to_write(move.from);
  if (!is_type(from, Type::list)) return Status::error(errors::kWrongType);
  if (from) return move_item(call, move);
  call.reply().null();
  return Status::ok();
}

Status rpoplpush(Call& call) { return move_or_null(call, {call.key(1), call.key(2)}); }

Status lmove(Call& call) {
  Args args(call);
  ListMove move{args.key(), args.key()};
  move.from_end = take_end(args);
  move.to_end = take_end(args);
  if (!args.ok()) return args.error();
  return move_or_null(call, move);
}

Status lmpop(Call& call) {
  Args args(call);
  const ListTake take = take_mpop(args);
  if (!args.ok()) return args.error();
  Status status = Status::ok();
  if (!try_mpop(call, take, status)) call.reply().null_array();
  return status;
}

constexpr KeySpec kMoveKeys =
    first_and_others(1, 2, KeyUse::read_write_access_delete, KeyUse::read_write_insert);

constexpr auto kFamily = family({
    {.name = "RPOPLPUSH",
     .syntax = "source destination",
     .summary = "Moves the last element of a list to the head of another.",
     .since = "1.2.0",
     .complexity = "O(1)",
     .group = "list",
     .arity = exactly(3),
     .flags = Flag::write | Flag::deny_oom,
     .keys = kMoveKeys,
     .acl = Acl::write | Acl::list | Acl::slow,
     .run = rpoplpush,
     .deprecated_since = "6.2.0",
     .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments"},
    {.name = "LMOVE",
     .syntax = "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
     .summary = "Moves an element from an end of a list to an end of another.",
     .since = "6.2.0",
     .complexity = "O(1)",
     .group = "list",
     .arity = exactly(5),
     .flags = Flag::write | Flag::deny_oom,
     .keys = kMoveKeys,
     .acl = Acl::write | Acl::list | Acl::slow,
     .run = lmove},
    {.name = "LMPOP",
     .syntax = "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
     .summary = "Takes elements from the first list that has some.",
     .since = "7.0.0",
     .complexity = "O(N+M) where N is the number of keys and M the number of elements returned.",
     .group = "list",
     .arity = at_least(4),
     .flags = Flag::write | Flag::movable_keys,
     .keys = keys_counted_at(1, 1, KeyUse::read_write_access_delete),
     .acl = Acl::write | Acl::list | Acl::slow,
     .run = lmpop},
});

}  // namespace

std::span<const CommandSpec> list_move_commands() { return kFamily; }

}  // namespace larder
