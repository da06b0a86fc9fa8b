// Keys of any type: existence, removal, renaming, copying, inspection.
// Source: https://redis.io/commands/?group=generic
#include <string>

#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/commands/string_values.h"
#include "server/engine/key_types.h"
#include "server/engine/listeners.h"
#include "storage/lazy_free.h"

namespace larder {
namespace {

Status remove_keys(Call& call, Removal reason) {
  const Scoped why(removal_reason, reason);
  int64_t removed = 0;
  for (size_t i = 1; i < call.arg_count(); ++i) {
    const Key key = call.key(i);
    const Item item = call.find_to_write(key);
    if (!item) continue;
    call.keyspace(key).remove(item);
    call.changed("del", key);
    ++removed;
  }
  call.reply().integer(removed);
  return Status::ok();
}

Status del(Call& call) { return remove_keys(call, Removal::user); }
Status unlink(Call& call) { return remove_keys(call, Removal::unlink); }

Status exists(Call& call) {
  int64_t found = 0;
  for (size_t i = 1; i < call.arg_count(); ++i) found += call.find_to_look(call.key(i)) ? 1 : 0;
  call.reply().integer(found);
  return Status::ok();
}

Status touch(Call& call) {
  int64_t found = 0;
  for (size_t i = 1; i < call.arg_count(); ++i) {
    const Key key = call.key(i);
    const Item item = call.find_to_read(key);
    if (!item) continue;
    // What it asks for counts whatever CLIENT NO-TOUCH says.
    if (call.session().no_touch) call.keyspace(key).touch(item);
    ++found;
  }
  call.reply().integer(found);
  return Status::ok();
}

Status type(Call& call) {
  const Item item = call.find_to_look(call.key(1));
  call.reply().simple(item ? type_name(item->type()) : "none");
  return Status::ok();
}

// Puts the value of `from` under `to` in place of what is there.
void move_over(Call& call, const Key& from, const Key& to) {
  Keyspace& target = call.keyspace(to);
  if (const Item old = call.find_to_write(to)) target.remove(old);
  Keyspace& source = call.keyspace(from);
  Keyspace::move_value(source, source.find(from), target, to);
  call.changed("rename_from", from);
  call.changed("rename_to", to);
  call.count_changes(0);  // one in all
}

Status rename(Call& call) {
  const Key from = call.key(1);
  const Key to = call.key(2);
  if (!call.find_to_write(from)) return Status::error(errors::kNoSuchKey);
  if (from.name != to.name) move_over(call, from, to);
  call.reply().ok();
  return Status::ok();
}

Status renamenx(Call& call) {
  const Key from = call.key(1);
  const Key to = call.key(2);
  if (!call.find_to_write(from)) return Status::error(errors::kNoSuchKey);
  const bool free = !call.find_to_write(to);
  if (free) move_over(call, from, to);
  call.reply().integer(free ? 1 : 0);
  return Status::ok();
}

// Parses a database number; nothing after latching the error.
std::optional<unsigned> take_database(Args& args, const Call& call, const char* not_integer) {
  const int64_t index = args.integer(not_integer);
  if (args.ok() && (index < INT32_MIN || index > INT32_MAX)) {
    args.fail("ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (!args.ok()) return {};
  if (index < 0 || index >= static_cast<int64_t>(const_cast<Call&>(call).store().databases())) {
    args.fail(errors::kDbRange);
    return {};
  }
  return static_cast<unsigned>(index);
}

Status move(Call& call) {
  Args args(call);
  const Key key = args.key();
  const auto db = take_database(args, call, "ERR value is not an integer or out of range");
  if (!args.ok()) return args.error();
  if (*db == call.session().db) {
    return Status::error("ERR source and destination objects are the same");
  }
  Keyspace& target = call.keyspace(key, *db);
  const Item item = call.find_to_write(key);
  const bool moves = item && !target.find_live(key, call.now_ms());
  if (moves) {
    Keyspace::move_value(call.keyspace(key), item, target, key);
    call.changed("move_from", key);
    call.changed("move_to", key, *db);
    call.count_changes(0);  // one in all
  }
  call.reply().integer(moves ? 1 : 0);
  return Status::ok();
}

Status copy(Call& call) {
  Args args(call);
  const Key from = args.key();
  const Key to = args.key();
  unsigned db = call.session().db;
  bool replace = false;
  while (args.more()) {
    if (args.take("REPLACE")) {
      replace = true;
    } else if (args.take_with_value("DB")) {
      db = take_database(args, call, errors::kNotInteger).value_or(db);
    } else {
      args.reject();
    }
  }
  if (!args.ok()) return args.error();
  if (db == call.session().db && from.name == to.name) {
    return Status::error("ERR source and destination objects are the same");
  }
  Keyspace& target = call.keyspace(to, db);
  const bool there = static_cast<bool>(call.find_to_read(from));
  const Item old = target.find_live(to, call.now_ms());
  // Looked for again: if the target was over, its end may have moved others.
  const Item source = there ? call.keyspace(from).find(from) : Item{};
  if (!source || (old && !replace)) {
    call.reply().integer(0);
    return Status::ok();
  }
  target.copy_value(*source.entry(), to, old);
  if (old) call.services().listeners.added(db, to.name);  // it is told as if it were another key
  call.changed("copy_to", to, db);
  call.reply().integer(1);
  return Status::ok();
}

constexpr auto kFamily = family({
    {.name = "DEL", .syntax = "key [key ...]", .summary = "Removes keys.", .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys", .group = "generic", .arity = at_least(2),
     .flags = Flag::write, .keys = keys_from(1, -1, 1, KeyUse::remove_delete),
     .acl = Acl::keyspace | Acl::write | Acl::slow, .run = del},
    {.name = "UNLINK", .syntax = "key [key ...]",
     .summary = "Removes keys and frees their memory in the background.", .since = "4.0.0",
     .complexity = "O(1) for each key", .group = "generic", .arity = at_least(2),
     .flags = Flag::write | Flag::fast, .keys = keys_from(1, -1, 1, KeyUse::remove_delete),
     .acl = Acl::keyspace | Acl::write | Acl::fast, .run = unlink},
    {.name = "EXISTS", .syntax = "key [key ...]", .summary = "Counts how many of the keys exist.",
     .since = "1.0.0", .complexity = "O(N) where N is the number of keys", .group = "generic",
     .arity = at_least(2), .flags = Flag::readonly | Flag::fast,
     .keys = keys_from(1, -1, 1, KeyUse::read_only),
     .acl = Acl::keyspace | Acl::read | Acl::fast, .run = exists},
    {.name = "TOUCH", .syntax = "key [key ...]",
     .summary = "Counts how many of the keys exist and notes that they were used.",
     .since = "3.2.1", .complexity = "O(N) where N is the number of keys", .group = "generic",
     .arity = at_least(2), .flags = Flag::readonly | Flag::fast,
     .keys = keys_from(1, -1, 1, KeyUse::read_only),
     .acl = Acl::keyspace | Acl::read | Acl::fast, .run = touch},
    {.name = "TYPE", .syntax = "key", .summary = "Tells the type of a key's value.",
     .since = "1.0.0", .complexity = "O(1)", .group = "generic", .arity = exactly(2),
     .flags = Flag::readonly | Flag::fast, .keys = key_at(1, KeyUse::read_only),
     .acl = Acl::keyspace | Acl::read | Acl::fast, .run = type},
    {.name = "RENAME", .syntax = "key newkey",
     .summary = "Gives a key another name, in place of a key that has it.", .since = "1.0.0",
     .complexity = "O(1)", .group = "generic", .arity = exactly(3), .flags = Flag::write,
     .keys = first_and_others(1, 2, KeyUse::read_write_access_delete, KeyUse::overwrite_update),
     .acl = Acl::keyspace | Acl::write | Acl::slow, .run = rename},
    {.name = "RENAMENX", .syntax = "key newkey",
     .summary = "Gives a key another name if that is free.", .since = "1.0.0",
     .complexity = "O(1)", .group = "generic", .arity = exactly(3),
     .flags = Flag::write | Flag::fast,
     .keys = first_and_others(1, 2, KeyUse::read_write_access_delete, KeyUse::overwrite_insert),
     .acl = Acl::keyspace | Acl::write | Acl::fast, .run = renamenx},
    {.name = "MOVE", .syntax = "key db", .summary = "Moves a key to another database.",
     .since = "1.0.0", .complexity = "O(1)", .group = "generic", .arity = exactly(3),
     .flags = Flag::write | Flag::fast, .keys = key_at(1, KeyUse::read_write_access_update),
     .acl = Acl::keyspace | Acl::write | Acl::fast, .run = move},
    {.name = "COPY", .syntax = "source destination [DB destination-db] [REPLACE]",
     .summary = "Copies the value of a key to a new key.", .since = "6.2.0",
     .complexity = "O(N) where N is the size of the value", .group = "generic",
     .arity = at_least(3), .flags = Flag::write | Flag::deny_oom,
     .keys = first_and_others(1, 2, KeyUse::read_only_access, KeyUse::overwrite_update),
     .acl = Acl::keyspace | Acl::write | Acl::slow, .run = copy},
});

}  // namespace

std::span<const CommandSpec> key_commands() { return kFamily; }

}  // namespace larder
