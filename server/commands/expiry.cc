// When keys end: setting, reading and removing their expiry.
// Source: https://redis.io/commands/?group=generic (EXPIRE and its relatives)
#include <limits>
#include <string>

#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/engine/args.h"
#include "server/engine/effect_words.h"

namespace larder {
namespace {

struct ExpireConditions {
  bool if_none = false;     // NX
  bool if_some = false;     // XX
  bool if_later = false;    // GT
  bool if_earlier = false;  // LT
};

ExpireConditions parse_conditions(Args& args) {
  ExpireConditions wanted;
  while (args.more()) {
    if (args.take("NX")) {
      wanted.if_none = true;
    } else if (args.take("XX")) {
      wanted.if_some = true;
    } else if (args.take("GT")) {
      wanted.if_later = true;
    } else if (args.take("LT")) {
      wanted.if_earlier = true;
    } else {
      args.fail("ERR Unsupported option " + std::string(args.peek()));
    }
  }
  if (wanted.if_none && (wanted.if_some || wanted.if_later || wanted.if_earlier)) {
    args.fail("ERR NX and XX, GT or LT options at the same time are not compatible");
  }
  if (wanted.if_later && wanted.if_earlier) {
    args.fail("ERR GT and LT options at the same time are not compatible");
  }
  return wanted;
}

// A key without an expiry counts as one that ends infinitely late.
bool conditions_hold(const ExpireConditions& wanted, int64_t current_ms, int64_t next_ms) {
  const bool none = current_ms == kNoExpiry;
  if (wanted.if_none && !none) return false;
  if (wanted.if_some && none) return false;
  if (wanted.if_later && (none || next_ms <= current_ms)) return false;
  return !(wanted.if_earlier && !none && next_ms >= current_ms);
}

struct TimeForm {
  bool seconds;
  bool relative;
  const char* name;
};

// Unlike EX and PX, EXPIRE takes times that have passed: they remove the key.
std::optional<int64_t> expiry_from(int64_t value, const TimeForm& form, int64_t now_ms) {
  if (form.seconds && __builtin_mul_overflow(value, int64_t{1000}, &value)) return {};
  if (form.relative && __builtin_add_overflow(value, now_ms, &value)) return {};
  return value;
}

Status set_expiry(Call& call, const TimeForm& form) {
  Args args(call);
  const Key key = args.key();
  const Bytes time = args.bytes();
  const ExpireConditions wanted = parse_conditions(args);
  if (!args.ok()) return args.error();
  const auto value = parse_int64(time);
  if (!value) return Status::error(errors::kNotInteger);
  const auto expiry_ms = expiry_from(*value, form, call.clock_ms());
  if (!expiry_ms) {
    return Status::error("ERR invalid expire time in '" + std::string(form.name) + "' command");
  }
  const Item item = call.find_to_write(key);
  const bool sets = item && conditions_hold(wanted, item->expiry_ms(), *expiry_ms);
  if (sets && *expiry_ms <= call.now_ms()) {
    const Scoped why(removal_reason, Removal::expiry);
    call.keyspace(key).remove(item);
    call.changed("del", key);
    effect_removal(call, key, Removal::expiry);
  } else if (sets) {
    call.keyspace(key).set_expiry(item, *expiry_ms);
    call.changed("expire", key);
    effect_expiry(call, key, *expiry_ms);
  }
  call.reply().integer(sets ? 1 : 0);
  return Status::ok();
}

Status expire(Call& call) { return set_expiry(call, {true, true, "expire"}); }
Status pexpire(Call& call) { return set_expiry(call, {false, true, "pexpire"}); }
Status expireat(Call& call) { return set_expiry(call, {true, false, "expireat"}); }
Status pexpireat(Call& call) { return set_expiry(call, {false, false, "pexpireat"}); }

constexpr int64_t kMissing = -2;
constexpr int64_t kEternal = -1;

// Answers the expiry, minus `from_ms`.
Status reply_expiry(Call& call, bool seconds, int64_t from_ms) {
  const Item item = call.find_to_look(call.key(1));
  int64_t answer = kMissing;
  if (item && !item->is(Entry::kHasExpiry)) answer = kEternal;
  if (item && item->is(Entry::kHasExpiry)) {
    answer = std::max<int64_t>(item->expiry_ms() - from_ms, 0);
    if (seconds) answer = answer / 1000 + (answer % 1000 >= 500 ? 1 : 0);
  }
  call.reply().integer(answer);
  return Status::ok();
}

Status ttl(Call& call) { return reply_expiry(call, true, call.now_ms()); }
Status pttl(Call& call) { return reply_expiry(call, false, call.now_ms()); }
Status expiretime(Call& call) { return reply_expiry(call, true, 0); }
Status pexpiretime(Call& call) { return reply_expiry(call, false, 0); }

Status persist(Call& call) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  const bool had = item && item->is(Entry::kHasExpiry);
  if (had) {
    call.keyspace(key).set_expiry(item, kNoExpiry);
    call.changed("persist", key);
  }
  call.reply().integer(had ? 1 : 0);
  return Status::ok();
}

constexpr CommandSpec setter(Bytes name, Bytes syntax, Bytes summary, Bytes since, Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = since, .complexity = "O(1)",
          .group = "generic", .arity = at_least(3), .flags = Flag::write | Flag::fast,
          .keys = key_at(1, KeyUse::read_write_update),
          .acl = Acl::keyspace | Acl::write | Acl::fast, .run = run};
}

constexpr CommandSpec getter(Bytes name, Bytes summary, Bytes since, Handler run) {
  return {.name = name, .syntax = "key", .summary = summary, .since = since, .complexity = "O(1)",
          .group = "generic", .arity = exactly(2), .flags = Flag::readonly | Flag::fast,
          .keys = key_at(1, KeyUse::read_only_access),
          .acl = Acl::keyspace | Acl::read | Acl::fast, .run = run};
}

constexpr auto kFamily = family({
    setter("EXPIRE", "key seconds [NX | XX | GT | LT]", "Lets a key end in so many seconds.",
           "1.0.0", expire),
    setter("PEXPIRE", "key milliseconds [NX | XX | GT | LT]",
           "Lets a key end in so many milliseconds.", "2.6.0", pexpire),
    setter("EXPIREAT", "key unix-time-seconds [NX | XX | GT | LT]",
           "Lets a key end at a Unix time.", "1.2.0", expireat),
    setter("PEXPIREAT", "key unix-time-milliseconds [NX | XX | GT | LT]",
           "Lets a key end at a Unix time in milliseconds.", "2.6.0", pexpireat),
    getter("TTL", "Tells how many seconds a key has left.", "1.0.0", ttl),
    getter("PTTL", "Tells how many milliseconds a key has left.", "2.6.0", pttl),
    getter("EXPIRETIME", "Tells the Unix time at which a key ends.", "7.0.0", expiretime),
    getter("PEXPIRETIME", "Tells the Unix time in milliseconds at which a key ends.", "7.0.0",
           pexpiretime),
    {.name = "PERSIST", .syntax = "key", .summary = "Takes the expiry off a key.",
     .since = "2.2.0", .complexity = "O(1)", .group = "generic", .arity = exactly(2),
     .flags = Flag::write | Flag::fast, .keys = key_at(1, KeyUse::read_write_update),
     .acl = Acl::keyspace | Acl::write | Acl::fast, .run = persist},
});

}  // namespace

std::span<const CommandSpec> expiry_commands() { return kFamily; }

}  // namespace larder
