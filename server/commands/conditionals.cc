// Writes that depend on what is there, beyond SET's own conditions.
// Source: https://redis.io/docs/latest/commands/delex/, .../digest/, .../msetex/;
// https://valkey.io/commands/delifeq/
#include <string>

#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/commands/string_values.h"
#include "server/engine/effect_words.h"

namespace larder {
namespace {

Status remove_if(Call& call, const Key& key, Item item, bool condition) {
  if (item && condition) {
    call.keyspace(key).remove(item);
    call.changed("del", key);
    effect_del(call, key);
  }
  call.reply().integer(item && condition ? 1 : 0);
  return Status::ok();
}

bool value_equals(Item item, Bytes value) {
  IntegerText scratch;
  return item && string_bytes(*item.entry(), scratch) == value;
}

bool digest_equals(Item item, Bytes digest) {
  IntegerText scratch;
  return item && equals_upper(digest, upper_hex_digest(string_bytes(*item.entry(), scratch)));
}

Status delifeq(Call& call) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  if (!is_string(item)) return Status::error(errors::kWrongType);
  return remove_if(call, key, item, value_equals(item, call.arg(2)));
}

Status delex(Call& call) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  if (call.arg_count() == 2) return remove_if(call, key, item, true);
  if (call.arg_count() != 4) {
    return Status::error("ERR wrong number of arguments for 'delex' command");
  }
  enum class If { equal, not_equal, digest_equal, digest_not_equal };
  Args args(call);
  args.skip();
  std::optional<If> condition;
  if (!args.take_one_of(condition, {{"IFEQ", If::equal},
                                    {"IFNE", If::not_equal},
                                    {"IFDEQ", If::digest_equal},
                                    {"IFDNE", If::digest_not_equal}})) {
    return Status::error(
        "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
  }
  if (!is_string(item)) return Status::error(errors::kWrongType);
  const Bytes operand = args.bytes();
  const bool by_value = *condition == If::equal || *condition == If::not_equal;
  const bool equal = by_value ? value_equals(item, operand) : digest_equals(item, operand);
  const bool wants_equal = *condition == If::equal || *condition == If::digest_equal;
  return remove_if(call, key, item, equal == wants_equal);
}

Status digest(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!is_string(item)) return Status::error(errors::kWrongType);
  if (!item) {
    call.reply().null();
    return Status::ok();
  }
  IntegerText scratch;
  call.reply().bulk(hex_digest(string_bytes(*item.entry(), scratch)));
  return Status::ok();
}

enum class Pairs : uint8_t { if_none_exists, if_all_exist };

struct MsetexOptions {
  std::optional<Pairs> condition;
  ExpiryOption expiry;
};

MsetexOptions parse_msetex_options(Args& args, const Call& call) {
  MsetexOptions options;
  while (args.more()) {
    if (args.take_one_of(options.condition,
                         {{"NX", Pairs::if_none_exists}, {"XX", Pairs::if_all_exist}})) {
      continue;
    }
    if (!take_expiry(args, options.expiry, call, "msetex", false)) args.reject();
  }
  return options;
}

bool pairs_allowed(Call& call, size_t pairs, const std::optional<Pairs>& condition) {
  if (!condition) return true;
  for (size_t i = 0; i < pairs; ++i) {
    const bool exists = static_cast<bool>(call.peek(call.key(2 + 2 * i)));
    if (exists != (*condition == Pairs::if_all_exist)) return false;
  }
  return true;
}

Status msetex(Call& call) {
  Args args(call);
  const int64_t pairs = args.integer_in(1, INT32_MAX, "ERR invalid numkeys value");
  if (!args.ok()) return args.error();
  if (static_cast<size_t>(pairs) > args.left() / 2) {
    return Status::error("ERR wrong number of key-value pairs");
  }
  const auto count = static_cast<size_t>(pairs);
  for (size_t i = 0; i < 2 * count; ++i) args.skip();
  const MsetexOptions options = parse_msetex_options(args, call);
  if (!args.ok()) return args.error();
  if (!pairs_allowed(call, count, options.condition)) {
    call.reply().integer(0);
    return Status::ok();
  }
  for (size_t i = 0; i < count; ++i) {
    const Key key = call.key(2 + 2 * i);
    const Item item = call.find_to_write(key);
    int64_t expiry_ms = kNoExpiry;
    if (options.expiry.kind == ExpiryOption::Kind::at) expiry_ms = options.expiry.at_ms;
    if (options.expiry.kind == ExpiryOption::Kind::keep && item) {
      expiry_ms = item->expiry_ms();
      call.keeps_life();
    }
    put_string(call.keyspace(key), key, item, call.arg(3 + 2 * i), expiry_ms);
    call.changed("set", key);
    effect_set(call, key, call.arg(3 + 2 * i), expiry_ms);
  }
  call.reply().integer(1);
  return Status::ok();
}

constexpr auto kFamily = family({
    {.name = "DELIFEQ", .syntax = "key value",
     .summary = "Removes a key if it holds this string.", .since = "9.0.0", .complexity = "O(1)",
     .group = "string", .arity = exactly(3), .flags = Flag::write | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_delete), .acl = Acl::write | Acl::string | Acl::fast,
     .run = delifeq},
    {.name = "DELEX",
     .syntax = "key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]",
     .summary = "Removes a key if its string, or the digest of it, is or isn't this.",
     .since = "8.4.0", .complexity = "O(1), O(N) for the digest conditions where N is the length",
     .group = "string", .arity = at_least(2), .flags = Flag::write | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_delete), .acl = Acl::write | Acl::string | Acl::fast,
     .run = delex},
    {.name = "DIGEST", .syntax = "key", .summary = "Tells the XXH3 digest of a string in hex.",
     .since = "8.4.0", .complexity = "O(N) where N is the length", .group = "string",
     .arity = exactly(2), .flags = Flag::readonly | Flag::fast,
     .keys = key_at(1, KeyUse::read_only), .acl = Acl::read | Acl::string | Acl::fast,
     .run = digest},
    {.name = "MSETEX",
     .syntax = "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | "
               "EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
     .summary = "Stores several strings at once, with one expiry and one condition.",
     .since = "8.4.0", .complexity = "O(N) where N is the number of keys", .group = "string",
     .arity = at_least(4), .flags = Flag::write | Flag::deny_oom | Flag::movable_keys,
     .keys = keys_counted_at(1, 2, KeyUse::overwrite_update),
     .acl = Acl::write | Acl::string | Acl::slow, .run = msetex},
});

}  // namespace

std::span<const CommandSpec> conditional_commands() { return kFamily; }

}  // namespace larder
