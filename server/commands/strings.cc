// Strings: whole values, counters, several keys at once. Editing parts of a value is in
// string_edits.cc, compare-and-set in conditionals.cc.
// Source: https://redis.io/commands/?group=string
#include <cmath>
#include <limits>
#include <string>

#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/commands/string_values.h"
#include "server/engine/effect_words.h"

namespace larder {
namespace {

enum class If : uint8_t { absent, present, equal, not_equal, digest_equal, digest_not_equal };

struct SetOptions {
  std::optional<If> condition;
  Bytes operand;  // of the comparing conditions
  ExpiryOption expiry;
  bool want_old = false;
};

SetOptions parse_set(Args& args, const Call& call) {
  SetOptions options;
  while (args.more()) {
    if (args.take_one_of(options.condition, {{"NX", If::absent}, {"XX", If::present}})) continue;
    if (args.left() >= 2 &&
        args.take_one_of(options.condition, {{"IFEQ", If::equal},
                                             {"IFNE", If::not_equal},
                                             {"IFDEQ", If::digest_equal},
                                             {"IFDNE", If::digest_not_equal}})) {
      options.operand = args.bytes();
      continue;
    }
    if (take_expiry(args, options.expiry, call, "set", false)) continue;
    if (args.take("GET")) {
      options.want_old = true;
      continue;
    }
    args.reject();
  }
  return options;
}

bool condition_holds(const SetOptions& options, Item item) {
  if (!options.condition) return true;
  if (*options.condition == If::absent) return !item;
  if (*options.condition == If::present) return static_cast<bool>(item);
  const bool negative =
      *options.condition == If::not_equal || *options.condition == If::digest_not_equal;
  if (!item) return negative;
  IntegerText scratch;
  const Bytes value = string_bytes(*item.entry(), scratch);
  const bool by_digest =
      *options.condition == If::digest_equal || *options.condition == If::digest_not_equal;
  const bool equal =
      by_digest ? equals_upper(options.operand, upper_hex_digest(value)) : value == options.operand;
  return equal != negative;
}

bool compares(const SetOptions& options) {
  return options.condition && *options.condition >= If::equal;
}

// Conditions held here, so they are no part of the effect; times are absolute.
void give_effect(Call& call, const Key& key, Bytes value, const SetOptions& options) {
  const bool keeps = options.expiry.kind == ExpiryOption::Kind::keep;
  if (call.arg_count() == 5 && call.arg(3) == "PXAT") return;  // the request says it all
  if (options.expiry.kind == ExpiryOption::Kind::at) {
    effect_set(call, key, value, options.expiry.at_ms);
  } else if (options.want_old || compares(options)) {
    keeps ? call.effect({"SET", key.name, value, "KEEPTTL"})
          : effect_set(call, key, value, kNoExpiry);
  }
}

// The test and the store happen under one shard lock, so clients may build locks on SET NX.
Status set(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Bytes value = args.bytes();
  const SetOptions options = args.more() ? parse_set(args, call) : SetOptions{};
  if (!args.ok()) return args.error();
  const Item item = options.want_old ? call.find_to_read(key) : call.find_to_write(key);
  if ((options.want_old || compares(options)) && !is_string(item)) {
    return Status::error(errors::kWrongType);
  }
  const bool store = condition_holds(options, item);
  if (options.want_old) {
    item ? reply_string(call.reply(), item) : call.reply().null();
  }
  if (!store) {
    if (!options.want_old) call.reply().null();
    return Status::ok();
  }
  int64_t expiry_ms = kNoExpiry;
  if (options.expiry.kind == ExpiryOption::Kind::at) expiry_ms = options.expiry.at_ms;
  if (options.expiry.kind == ExpiryOption::Kind::keep && item) {
    expiry_ms = item->expiry_ms();
    call.keeps_life();
  }
  put_string(call.keyspace(key), key, item, value, expiry_ms);
  call.changed("set", key);
  if (call.arg_count() > 3) give_effect(call, key, value, options);
  if (options.expiry.kind == ExpiryOption::Kind::at) call.also("expire", key);
  if (!options.want_old) call.reply().ok();
  return Status::ok();
}

Status get(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!item) {
    call.reply().null();
    return Status::ok();
  }
  if (!is_string(item)) return Status::error(errors::kWrongType);
  reply_string(call.reply(), item);
  return Status::ok();
}

Status setnx(Call& call) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  if (!item) {
    put_string(call.keyspace(key), key, item, call.arg(2), kNoExpiry);
    call.changed("set", key);
  }
  call.reply().integer(item ? 0 : 1);
  return Status::ok();
}

Status set_with_life(Call& call, bool seconds, const char* name) {
  Args args(call);
  const Key key = args.key();
  const int64_t life = args.integer();
  const Bytes value = args.bytes();
  if (!args.ok()) return args.error();
  const auto expiry_ms = absolute_expiry(life, seconds, true, call.clock_ms());
  if (!expiry_ms) {
    return Status::error("ERR invalid expire time in '" + std::string(name) + "' command");
  }
  put_string(call.keyspace(key), key, call.find_to_write(key), value, *expiry_ms);
  call.changed("set", key);
  effect_set(call, key, value, *expiry_ms);
  call.also("expire", key);
  call.reply().ok();
  return Status::ok();
}

Status setex(Call& call) { return set_with_life(call, true, "setex"); }
Status psetex(Call& call) { return set_with_life(call, false, "psetex"); }

Status getset(Call& call) {
  const Key key = call.key(1);
  const Item item = call.find_to_read(key);
  if (!is_string(item)) return Status::error(errors::kWrongType);
  item ? reply_string(call.reply(), item) : call.reply().null();
  put_string(call.keyspace(key), key, item, call.arg(2), kNoExpiry);
  call.changed("set", key);
  effect_set(call, key, call.arg(2), kNoExpiry);
  return Status::ok();
}

Status getdel(Call& call) {
  const Key key = call.key(1);
  const Item item = call.find_to_read(key);
  if (!item) {
    call.reply().null();
    return Status::ok();
  }
  if (!is_string(item)) return Status::error(errors::kWrongType);
  reply_string(call.reply(), item);
  call.keyspace(key).remove(item);
  call.changed("del", key);
  effect_del(call, key);
  return Status::ok();
}

Status getex(Call& call) {
  Args args(call);
  const Key key = args.key();
  ExpiryOption option;
  while (args.more()) {
    if (!take_expiry(args, option, call, "getex", true)) args.reject();
  }
  if (!args.syntax_ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!item) {
    call.reply().null();
    return Status::ok();
  }
  if (!is_string(item)) return Status::error(errors::kWrongType);
  if (!args.ok()) return args.error();
  reply_string(call.reply(), item);
  Keyspace& keys = call.keyspace(key);
  if (option.kind == ExpiryOption::Kind::persist && item->is(Entry::kHasExpiry)) {
    keys.set_expiry(item, kNoExpiry);
    call.changed("persist", key);
    call.effect({"PERSIST", key.name});
  } else if (option.kind == ExpiryOption::Kind::at) {
    if (option.at_ms <= call.now_ms()) {
      keys.remove(item);
      call.changed("del", key);
      effect_removal(call, key, Removal::expiry);
    } else {
      keys.set_expiry(item, option.at_ms);
      call.changed("expire", key);
      effect_expiry(call, key, option.at_ms);
    }
  }
  return Status::ok();
}

Status mget(Call& call) {
  call.reply().array(call.arg_count() - 1);
  for (size_t i = 1; i < call.arg_count(); ++i) {
    const Item item = call.find_to_read(call.key(i));
    item && is_string(item) ? reply_string(call.reply(), item) : call.reply().null();
  }
  return Status::ok();
}

void put_pairs(Call& call) {
  for (size_t i = 1; i + 1 < call.arg_count(); i += 2) {
    const Key key = call.key(i);
    put_string(call.keyspace(key), key, call.find_to_write(key), call.arg(i + 1), kNoExpiry);
    call.changed("set", key);
  }
}

Status odd_pairs(const char* name) {
  return Status::error("ERR wrong number of arguments for '" + std::string(name) + "' command");
}

Status mset(Call& call) {
  if (call.arg_count() % 2 == 0) return odd_pairs("mset");
  put_pairs(call);
  call.reply().ok();
  return Status::ok();
}

Status msetnx(Call& call) {
  if (call.arg_count() % 2 == 0) return odd_pairs("msetnx");
  for (size_t i = 1; i < call.arg_count(); i += 2) {
    if (!call.peek(call.key(i))) continue;
    call.reply().integer(0);
    return Status::ok();
  }
  put_pairs(call);
  call.reply().integer(1);
  return Status::ok();
}

Status add_integer(Call& call, int64_t amount) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  if (!is_string(item)) return Status::error(errors::kWrongType);
  const auto old = item ? string_integer(*item.entry()) : 0;
  if (!old) return Status::error(errors::kNotInteger);
  int64_t sum = 0;
  if (__builtin_add_overflow(*old, amount, &sum)) return Status::error(errors::kOverflow);
  put_integer(call.keyspace(key), key, item, sum, item ? item->expiry_ms() : kNoExpiry);
  call.changed("incrby", key);
  call.reply().integer(sum);
  return Status::ok();
}

Status incr(Call& call) { return add_integer(call, 1); }
Status decr(Call& call) { return add_integer(call, -1); }

Status incrby(Call& call) {
  const auto amount = parse_int64(call.arg(2));
  return amount ? add_integer(call, *amount) : Status::error(errors::kNotInteger);
}

Status decrby(Call& call) {
  const auto amount = parse_int64(call.arg(2));
  if (!amount) return Status::error(errors::kNotInteger);
  if (*amount == std::numeric_limits<int64_t>::min()) {
    return Status::error("ERR decrement would overflow");
  }
  return add_integer(call, -*amount);
}

Status incrbyfloat(Call& call) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  if (!is_string(item)) return Status::error(errors::kWrongType);
  IntegerText scratch;
  const auto old =
      item ? parse_long_double(string_bytes(*item.entry(), scratch)) : std::optional(0.0L);
  const auto amount = parse_long_double(call.arg(2));
  if (!old || !amount) return Status::error(errors::kNotFloat);
  const long double sum = *old + *amount;
  if (std::isnan(sum) || std::isinf(sum)) {
    return Status::error("ERR increment would produce NaN or Infinity");
  }
  const std::string text = format_long_double(sum);
  put_text(call.keyspace(key), key, item, text, item ? item->expiry_ms() : kNoExpiry,
           Encoding::embedded);
  call.changed("incrbyfloat", key);
  call.effect({"SET", key.name, text, "KEEPTTL"});
  call.reply().bulk(text);
  return Status::ok();
}

constexpr Flag kFastWrite = Flag::write | Flag::deny_oom | Flag::fast;
constexpr Acl kWriteFast = Acl::write | Acl::string | Acl::fast;

// Only SET with GET tells the old value.
KeyUse use_of_set(std::span<const Bytes> args) {
  for (size_t i = 3; i < args.size(); ++i) {
    if (equals_upper(args[i], "GET")) return KeyUse::read_write_access_update;
  }
  return KeyUse::overwrite_update;
}

constexpr auto kFamily = family({
    {.name = "GET", .syntax = "key", .summary = "Returns the string value of a key.",
     .since = "1.0.0", .complexity = "O(1)", .group = "string", .arity = exactly(2),
     .flags = Flag::readonly | Flag::fast, .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::string | Acl::fast, .run = get},
    {.name = "SET",
     .syntax = "key value [NX | XX{ | IFEQ comparison-value | IFNE comparison-value | IFDEQ "
               "comparison-digest | IFDNE comparison-digest}] [GET] [EX seconds | "
               "PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
     .summary = "Stores a string, whatever was there, if the condition holds.", .since = "1.0.0",
     .complexity = "O(1)", .group = "string", .arity = at_least(3),
     .flags = Flag::write | Flag::deny_oom,
     .keys = key_at(1, KeyUse::read_write_access_update, use_of_set),
     .acl = Acl::write | Acl::string | Acl::slow, .run = set},
    {.name = "SETNX", .syntax = "key value",
     .summary = "Stores a string only when the key doesn't exist.", .since = "1.0.0",
     .complexity = "O(1)", .group = "string", .arity = exactly(3), .flags = kFastWrite,
     .keys = key_at(1, KeyUse::overwrite_insert), .acl = kWriteFast, .run = setnx,
     .deprecated_since = "2.6.12", .replaced_by = "`SET` with the `NX` argument"},
    {.name = "SETEX", .syntax = "key seconds value",
     .summary = "Stores a string with a life in seconds.", .since = "2.0.0", .complexity = "O(1)",
     .group = "string", .arity = exactly(4), .flags = Flag::write | Flag::deny_oom,
     .keys = key_at(1, KeyUse::overwrite_update), .acl = Acl::write | Acl::string | Acl::slow,
     .run = setex, .deprecated_since = "2.6.12", .replaced_by = "`SET` with the `EX` argument"},
    {.name = "PSETEX", .syntax = "key milliseconds value",
     .summary = "Stores a string with a life in milliseconds.", .since = "2.6.0",
     .complexity = "O(1)", .group = "string", .arity = exactly(4),
     .flags = Flag::write | Flag::deny_oom, .keys = key_at(1, KeyUse::overwrite_update),
     .acl = Acl::write | Acl::string | Acl::slow, .run = psetex, .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `PX` argument"},
    {.name = "GETSET", .syntax = "key value",
     .summary = "Returns the old string of a key and stores a new one.", .since = "1.0.0",
     .complexity = "O(1)", .group = "string", .arity = exactly(3), .flags = kFastWrite,
     .keys = key_at(1, KeyUse::read_write_access_update), .acl = kWriteFast, .run = getset,
     .deprecated_since = "6.2.0", .replaced_by = "`SET` with the `GET` argument"},
    {.name = "GETDEL", .syntax = "key", .summary = "Returns the string of a key and removes it.",
     .since = "6.2.0", .complexity = "O(1)", .group = "string", .arity = exactly(2),
     .flags = Flag::write | Flag::fast, .keys = key_at(1, KeyUse::read_write_access_delete),
     .acl = kWriteFast, .run = getdel},
    {.name = "GETEX",
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
               "unix-time-milliseconds | PERSIST]",
     .summary = "Returns the string of a key and changes its expiry.", .since = "6.2.0",
     .complexity = "O(1)", .group = "string", .arity = at_least(2),
     .flags = Flag::write | Flag::fast, .keys = key_at(1, KeyUse::read_write_access_update),
     .acl = kWriteFast, .run = getex},
    {.name = "MGET", .syntax = "key [key ...]", .summary = "Returns the strings of several keys.",
     .since = "1.0.0", .complexity = "O(N) where N is the number of keys", .group = "string",
     .arity = at_least(2), .flags = Flag::readonly | Flag::fast,
     .keys = keys_from(1, -1, 1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::string | Acl::fast, .run = mget},
    {.name = "MSET", .syntax = "key value [key value ...]",
     .summary = "Stores several strings at once.", .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys", .group = "string", .arity = at_least(3),
     .flags = Flag::write | Flag::deny_oom, .keys = keys_from(1, -1, 2, KeyUse::overwrite_update),
     .acl = Acl::write | Acl::string | Acl::slow, .run = mset},
    {.name = "MSETNX", .syntax = "key value [key value ...]",
     .summary = "Stores several strings only when none of the keys exists.", .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys", .group = "string", .arity = at_least(3),
     .flags = Flag::write | Flag::deny_oom, .keys = keys_from(1, -1, 2, KeyUse::overwrite_insert),
     .acl = Acl::write | Acl::string | Acl::slow, .run = msetnx},
    {.name = "INCR", .syntax = "key", .summary = "Adds one to the integer of a key.",
     .since = "1.0.0", .complexity = "O(1)", .group = "string", .arity = exactly(2),
     .flags = kFastWrite, .keys = key_at(1, KeyUse::read_write_access_update), .acl = kWriteFast,
     .run = incr},
    {.name = "DECR", .syntax = "key", .summary = "Takes one from the integer of a key.",
     .since = "1.0.0", .complexity = "O(1)", .group = "string", .arity = exactly(2),
     .flags = kFastWrite, .keys = key_at(1, KeyUse::read_write_access_update), .acl = kWriteFast,
     .run = decr},
    {.name = "INCRBY", .syntax = "key increment", .summary = "Adds to the integer of a key.",
     .since = "1.0.0", .complexity = "O(1)", .group = "string", .arity = exactly(3),
     .flags = kFastWrite, .keys = key_at(1, KeyUse::read_write_access_update), .acl = kWriteFast,
     .run = incrby},
    {.name = "DECRBY", .syntax = "key decrement", .summary = "Takes from the integer of a key.",
     .since = "1.0.0", .complexity = "O(1)", .group = "string", .arity = exactly(3),
     .flags = kFastWrite, .keys = key_at(1, KeyUse::read_write_access_update), .acl = kWriteFast,
     .run = decrby},
    {.name = "INCRBYFLOAT", .syntax = "key increment",
     .summary = "Adds to the floating point number of a key.", .since = "2.6.0",
     .complexity = "O(1)", .group = "string", .arity = exactly(3), .flags = kFastWrite,
     .keys = key_at(1, KeyUse::read_write_access_update), .acl = kWriteFast, .run = incrbyfloat},
});

}  // namespace

std::span<const CommandSpec> string_commands() { return kFamily; }

}  // namespace larder
