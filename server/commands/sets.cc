// Sets: members. Random members and SSCAN are in set_walks.cc, unions and the like in
// set_algebra.cc.
// Source: https://redis.io/commands/?group=set
#include "server/commands/element_walk.h"
#include "server/commands/families.h"
#include "server/commands/set_values.h"

namespace larder {
namespace {

Status sadd(Call& call) {
  return change_set(call, [&](Set& set) {
    const SetLimits limits = set_limits(call);
    size_t added = 0;
    for (size_t i = 2; i < call.arg_count(); ++i) {
      added += set.add(call.arg(i), limits, call.arg_count() - 2) ? 1 : 0;
    }
    if (added > 0) {
      call.changed("sadd", call.key(1));
      call.count_changes(added);
    }
    call.reply().integer(static_cast<int64_t>(added));
    return Status::ok();
  });
}

Status srem(Call& call) {
  return change_set(call, [&](Set& set) {
    size_t removed = 0;
    for (size_t i = 2; i < call.arg_count(); ++i) removed += set.remove(call.arg(i)) ? 1 : 0;
    if (removed > 0) {
      set_changed(call, "srem", set);
      call.count_changes(removed);
    }
    call.reply().integer(static_cast<int64_t>(removed));
    return Status::ok();
  });
}

Status sismember(Call& call) {
  return read_set(call, [&](const Set& set) {
    call.reply().integer(set.contains(call.arg(2)) ? 1 : 0);
    return Status::ok();
  });
}

Status smismember(Call& call) {
  return read_set(call, [&](const Set& set) {
    call.reply().array(call.arg_count() - 2);
    for (size_t i = 2; i < call.arg_count(); ++i) {
      call.reply().integer(set.contains(call.arg(i)) ? 1 : 0);
    }
    return Status::ok();
  });
}

Status scard(Call& call) {
  return read_set(call, [&](const Set& set) {
    call.reply().integer(static_cast<int64_t>(set.size()));
    return Status::ok();
  });
}

Status smembers(Call& call) {
  return read_set(call, [&](const Set& set) {
    if (set.size() > kReadAtOnceMax && set.is_object()) {
      start_element_walk(call, call.key(1), Type::set, ElementParts::keys);
      return Status::ok();
    }
    call.reply().set(set.size());
    set.each([&](Bytes member) { call.reply().bulk(member); });
    return Status::ok();
  });
}

Status smove(Call& call) {
  const Key from_key = call.key(1);
  const Key to_key = call.key(2);
  const Bytes member = call.arg(3);
  // Looking an expired key up removes it, which makes the other item invalid.
  call.find_to_write(from_key);
  const Item to_item = call.find_to_write(to_key);
  const Item from_item = call.keyspace(from_key).find(from_key);
  if (from_item && !(is_type(from_item, Type::set) && is_type(to_item, Type::set))) {
    return Status::error(errors::kWrongType);
  }
  Set from(call.keyspace(from_key), from_key, from_item);
  const bool there = from.contains(member);
  call.reply().integer(there ? 1 : 0);
  if (!there || from_key.name == to_key.name) return Status::ok();
  from.remove(member);
  set_changed(call, "srem", from);
  // Removing a key may have moved the other's place.
  Keyspace& keys = call.keyspace(to_key);
  Set to(keys, to_key, keys.find(to_key));
  if (to.add(member, set_limits(call))) call.changed("sadd", to_key);
  return Status::ok();
}

constexpr Acl kRead = Acl::read | Acl::set;
constexpr Acl kWriteFast = Acl::write | Acl::set | Acl::fast;

constexpr CommandSpec reader(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                             KeyUse use, Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = since, .complexity = "O(1)",
          .group = "set", .arity = arity, .flags = Flag::readonly | Flag::fast,
          .keys = key_at(1, use), .acl = kRead | Acl::fast, .run = run};
}

constexpr auto kFamily = family({
    {.name = "SADD", .syntax = "key member [member ...]", .summary = "Adds members to a set.",
     .since = "1.0.0", .complexity = "O(N) where N is the number of members to add",
     .group = "set", .arity = at_least(3), .flags = Flag::write | Flag::deny_oom | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_insert), .acl = kWriteFast, .run = sadd},
    {.name = "SREM", .syntax = "key member [member ...]", .summary = "Removes members of a set.",
     .since = "1.0.0", .complexity = "O(N) where N is the number of members to remove",
     .group = "set", .arity = at_least(3), .flags = Flag::write | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_delete), .acl = kWriteFast, .run = srem},
    reader("SISMEMBER", "key member", "Tells whether a set has a member.", "1.0.0", exactly(3),
           KeyUse::read_only, sismember),
    reader("SMISMEMBER", "key member [member ...]", "Tells which members a set has.", "6.2.0",
           at_least(3), KeyUse::read_only_access, smismember),
    reader("SCARD", "key", "Counts the members of a set.", "1.0.0", exactly(2), KeyUse::read_only,
           scard),
    {.name = "SMEMBERS", .syntax = "key", .summary = "Returns all members of a set.",
     .since = "1.0.0", .complexity = "O(N) where N is the number of members", .group = "set",
     .arity = exactly(2), .flags = Flag::readonly, .keys = key_at(1, KeyUse::read_only_access),
     .acl = kRead | Acl::slow, .run = smembers},
    {.name = "SMOVE", .syntax = "source destination member",
     .summary = "Moves a member from one set to another.", .since = "1.0.0",
     .complexity = "O(1)", .group = "set", .arity = exactly(4),
     .flags = Flag::write | Flag::fast,
     .keys = first_and_others(1, 2, KeyUse::read_write_access_delete, KeyUse::read_write_insert),
     .acl = kWriteFast, .run = smove},
});

}  // namespace

std::span<const CommandSpec> set_commands() { return kFamily; }

}  // namespace larder
