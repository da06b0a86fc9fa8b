// Hashes: fields and their values. Random fields and HSCAN are in hash_walks.cc, the expiry of
// fields in hash_expiry.cc.
// Source: https://redis.io/commands/?group=hash
#include <cmath>
#include <string>

#include "base/numbers.h"
#include "server/commands/element_walk.h"
#include "server/commands/families.h"
#include "server/commands/hash_values.h"
#include "server/engine/args.h"
#include "server/engine/effect_words.h"

namespace larder {
namespace {

// HSET and HMSET: stores all pairs and returns how many fields are new.
Status put_pairs(Call& call, int64_t& added) {
  if (call.arg_count() % 2 != 0) {
    return Status::error("ERR wrong number of arguments for '" + call.command().name +
                         "' command");
  }
  return change_hash(call, [&](Hash& hash) {
    added = static_cast<int64_t>(hash.put_all(call.args().subspan(2), hash_limits(call)));
    call.changed("hset", call.key(1));
    call.count_changes((call.arg_count() - 2) / 2);
    return Status::ok();
  });
}

Status hset(Call& call) {
  int64_t added = 0;
  Status status = put_pairs(call, added);
  if (status.is_ok()) call.reply().integer(added);
  return status;
}

Status hmset(Call& call) {
  int64_t added = 0;
  Status status = put_pairs(call, added);
  if (status.is_ok()) call.reply().ok();
  return status;
}

Status hsetnx(Call& call) {
  return change_hash(call, [&](Hash& hash) {
    const bool missing = !hash.find(call.arg(2));
    if (missing) {
      hash.put(call.arg(2), call.arg(3), hash_limits(call));
      call.changed("hset", call.key(1));
    }
    call.reply().integer(missing ? 1 : 0);
    return Status::ok();
  });
}

Status hget(Call& call) {
  return read_hash(call, [&](Hash& hash) {
    hash.drop_due(call.args().subspan(2));
    reply_field_value(call, hash.find(call.arg(2)));
    return Status::ok();
  });
}

Status hmget(Call& call) {
  return read_hash(call, [&](Hash& hash) {
    hash.drop_due(call.args().subspan(2));
    call.reply().array(call.arg_count() - 2);
    for (size_t i = 2; i < call.arg_count(); ++i) reply_field_value(call, hash.find(call.arg(i)));
    return Status::ok();
  });
}

// Fields that are due but still there are left out, so the count is known at the end only.
template <ElementParts parts>
Status get_all(Call& call) {
  return read_hash(call, [&](const Hash& hash) {
    if (hash.size() > kReadAtOnceMax && !hash.is_packed()) {
      start_element_walk(call, call.key(1), Type::hash, parts);
      return Status::ok();
    }
    ReplyWriter& reply = call.reply();
    const bool timed = hash.exists() && earliest_field_ms(*hash.item().entry()) != kNeverMs;
    const size_t mark = reply.open();
    constexpr bool kMap = parts == ElementParts::both;
    if (!timed) kMap ? reply.map(hash.size()) : reply.array(hash.size());
    size_t count = 0;
    hash.each([&](const HashField& field) {
      ++count;
      if (parts != ElementParts::values) reply.bulk(field.name);
      if (parts != ElementParts::keys) reply.bulk(field.value);
    });
    if (timed) kMap ? reply.close_map(mark, count) : reply.close_array(mark, count);
    return Status::ok();
  });
}

Status hlen(Call& call) {
  return read_hash(call, [&](const Hash& hash) {
    call.reply().integer(static_cast<int64_t>(hash.size()));
    return Status::ok();
  });
}

Status hexists(Call& call) {
  return read_hash(call, [&](const Hash& hash) {
    call.reply().integer(hash.find(call.arg(2)) ? 1 : 0);
    return Status::ok();
  });
}

Status hstrlen(Call& call) {
  return read_hash(call, [&](const Hash& hash) {
    const auto field = hash.find(call.arg(2));
    call.reply().integer(field ? static_cast<int64_t>(field->value.size()) : 0);
    return Status::ok();
  });
}

Status hdel(Call& call) {
  return change_hash(call, [&](Hash& hash) {
    size_t removed = 0;
    for (size_t i = 2; i < call.arg_count(); ++i) removed += hash.remove(call.arg(i)) ? 1 : 0;
    if (removed > 0) {
      hash_changed(call, "hdel", hash);
      call.count_changes(removed);
    }
    call.reply().integer(static_cast<int64_t>(removed));
    return Status::ok();
  });
}

// Stores the result of a sum; the field keeps its expiry.
void put_sum(Call& call, Hash& hash, Bytes text, int64_t expiry_ms, const char* event) {
  hash.put(call.arg(2), text, hash_limits(call), expiry_ms);
  call.changed(event, call.key(1));
}

// What is read back is exactly this text. HSET takes the field's expiry off.
void give_sum(Call& call, Bytes text, int64_t expiry_ms) {
  call.effect({"HSET", call.arg(1), call.arg(2), text});
  if (expiry_ms == kNoExpiry || !call.wants_effect()) return;
  call.effect({"HPEXPIREAT", call.arg(1), NumberWord(expiry_ms), "FIELDS", "1", call.arg(2)});
}

Status hincrby(Call& call) {
  const auto amount = parse_int64(call.arg(3));
  if (!amount) return Status::error(errors::kNotInteger);
  return change_hash(call, [&](Hash& hash) {
    const auto field = hash.find(call.arg(2));
    const auto old = field ? parse_int64(field->value) : 0;
    if (!old) return Status::error("ERR hash value is not an integer");
    int64_t sum = 0;
    if (__builtin_add_overflow(*old, *amount, &sum)) return Status::error(errors::kOverflow);
    IntegerText text;
    const Bytes bytes(text.text, format_int64(sum, text.text));
    put_sum(call, hash, bytes, field ? field->expiry_ms : kNoExpiry, "hincrby");
    call.reply().integer(sum);
    return Status::ok();
  });
}

Status hincrbyfloat(Call& call) {
  const auto amount = parse_long_double(call.arg(3));
  if (!amount) return Status::error(errors::kNotFloat);
  if (std::isinf(*amount)) return Status::error("ERR value is NaN or Infinity");
  return change_hash(call, [&](Hash& hash) {
    const auto field = hash.find(call.arg(2));
    const auto old = field ? parse_long_double(field->value) : 0.0L;
    if (!old) return Status::error("ERR hash value is not a float");
    const long double sum = *old + *amount;
    if (std::isnan(sum) || std::isinf(sum)) {
      return Status::error("ERR increment would produce NaN or Infinity");
    }
    const std::string text = format_long_double(sum);
    const int64_t expiry_ms = field ? field->expiry_ms : kNoExpiry;
    put_sum(call, hash, text, expiry_ms, "hincrbyfloat");
    give_sum(call, text, expiry_ms);
    call.reply().bulk(text);
    return Status::ok();
  });
}

constexpr Acl kRead = Acl::read | Acl::hash;
constexpr Acl kWrite = Acl::write | Acl::hash;

constexpr CommandSpec reader(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                             KeyUse use, Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = since, .complexity = "O(1)",
          .group = "hash", .arity = arity, .flags = Flag::readonly | Flag::fast,
          .keys = key_at(1, use), .acl = kRead | Acl::fast, .run = run};
}

constexpr CommandSpec lister(Bytes name, Bytes summary, Handler run) {
  return {.name = name, .syntax = "key", .summary = summary, .since = "2.0.0",
          .complexity = "O(N) where N is the number of fields", .group = "hash",
          .arity = exactly(2), .flags = Flag::readonly,
          .keys = key_at(1, KeyUse::read_only_access), .acl = kRead | Acl::slow, .run = run};
}

constexpr CommandSpec writer(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                             KeyUse use, Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = since, .complexity = "O(1)",
          .group = "hash", .arity = arity, .flags = Flag::write | Flag::deny_oom | Flag::fast,
          .keys = key_at(1, use), .acl = kWrite | Acl::fast, .run = run};
}

constexpr auto kFamily = family({
    writer("HSET", "key field value [field value ...]", "Sets fields of a hash.", "2.0.0",
           at_least(4), KeyUse::read_write_update, hset),
    {.name = "HMSET", .syntax = "key field value [field value ...]",
     .summary = "Sets fields of a hash.", .since = "2.0.0",
     .complexity = "O(N) where N is the number of fields set", .group = "hash",
     .arity = at_least(4), .flags = Flag::write | Flag::deny_oom | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_update), .acl = kWrite | Acl::fast, .run = hmset,
     .deprecated_since = "4.0.0", .replaced_by = "`HSET` with multiple field-value pairs"},
    writer("HSETNX", "key field value", "Sets a field of a hash that it doesn't have.", "2.0.0",
           exactly(4), KeyUse::read_write_insert, hsetnx),
    reader("HGET", "key field", "Returns the value of a field.", "2.0.0", exactly(3),
           KeyUse::read_only_access, hget),
    reader("HMGET", "key field [field ...]", "Returns the values of several fields.", "2.0.0",
           at_least(3), KeyUse::read_only_access, hmget),
    lister("HGETALL", "Returns all fields and values of a hash.", get_all<ElementParts::both>),
    lister("HKEYS", "Returns all fields of a hash.", get_all<ElementParts::keys>),
    lister("HVALS", "Returns all values of a hash.", get_all<ElementParts::values>),
    reader("HLEN", "key", "Counts the fields of a hash.", "2.0.0", exactly(2), KeyUse::read_only,
           hlen),
    reader("HEXISTS", "key field", "Tells whether a hash has a field.", "2.0.0", exactly(3),
           KeyUse::read_only, hexists),
    reader("HSTRLEN", "key field", "Tells the length of a field's value.", "3.2.0", exactly(3),
           KeyUse::read_only, hstrlen),
    {.name = "HDEL", .syntax = "key field [field ...]", .summary = "Removes fields of a hash.",
     .since = "2.0.0", .complexity = "O(N) where N is the number of fields to remove",
     .group = "hash", .arity = at_least(3), .flags = Flag::write | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_delete), .acl = kWrite | Acl::fast, .run = hdel},
    writer("HINCRBY", "key field increment", "Adds to the integer of a field.", "2.0.0",
           exactly(4), KeyUse::read_write_access_update, hincrby),
    writer("HINCRBYFLOAT", "key field increment", "Adds to the number of a field.", "2.6.0",
           exactly(4), KeyUse::read_write_access_update, hincrbyfloat),
});

}  // namespace

std::span<const CommandSpec> hash_commands() { return kFamily; }

}  // namespace larder
