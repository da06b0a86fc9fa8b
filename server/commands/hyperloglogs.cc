// HyperLogLog: counting different elements in little memory. The values are strings, see
// storage/hyperloglog.h.
// Source: https://redis.io/commands/?group=hyperloglog
#include <cmath>
#include <string>

#include "server/commands/families.h"
#include "server/commands/string_values.h"
#include "server/engine/listeners.h"
#include "storage/hyperloglog.h"

namespace larder {
namespace {

constexpr const char* kNotOne = "WRONGTYPE Key is not a valid HyperLogLog string value.";
constexpr const char* kBroken = "INVALIDOBJ Corrupted HLL object detected";

size_t sparse_bytes_max(Call& call) {
  return static_cast<size_t>(call.settings().hll_sparse_bytes_max.load(std::memory_order_relaxed));
}

Status check(Item item) {
  if (!is_string(item)) return Status::error(errors::kWrongType);
  IntegerText scratch;
  const bool valid = !item || HyperLogLog::is_valid(string_bytes(*item.entry(), scratch));
  return valid ? Status::ok() : Status::error(kNotOne);
}

// Reads the value of a key into `counter`, an empty one when the key is missing.
Status read(Item item, HyperLogLog& counter, bool with_tail = false) {
  if (Status status = check(item); !status.is_ok()) return status;
  if (!item) return Status::ok();
  IntegerText scratch;
  const Bytes value = string_bytes(*item.entry(), scratch);
  const auto parsed =
      with_tail ? HyperLogLog::parse_with_tail(value) : HyperLogLog::parse(value);
  if (!parsed) return Status::error(kBroken);
  counter = *parsed;
  return Status::ok();
}

void write(Call& call, const Key& key, Item item, const HyperLogLog& counter) {
  put_text(call.keyspace(key), key, item, counter.bytes(sparse_bytes_max(call)),
           item ? item->expiry_ms() : kNoExpiry, Encoding::raw);
  call.changed("pfadd", key);
}

Status pfadd(Call& call) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  HyperLogLog counter;
  if (Status status = read(item, counter, true); !status.is_ok()) return status;
  size_t changes = item ? 0 : 1;
  for (const Bytes element : call.args().subspan(2)) changes += counter.add(element) ? 1 : 0;
  if (changes > 0) {
    write(call, key, item, counter);
    call.count_changes(changes);
  }
  call.reply().integer(changes > 0 ? 1 : 0);
  return Status::ok();
}

// The count is kept in the value until the next change, as Redis does: save points count that, and
// whoever has a copy counts, too, so that its bytes are the same. A replica only caches.
Status count_one(Call& call, const Key& key) {
  const Item item = call.find_to_read(key);
  HyperLogLog counter;
  if (Status status = check(item); !status.is_ok()) return status;
  IntegerText scratch;
  const auto cached = item ? HyperLogLog::cached_count(string_bytes(*item.entry(), scratch))
                           : std::optional<uint64_t>(0);
  if (cached) {
    call.reply().integer(static_cast<int64_t>(*cached));
    return Status::ok();
  }
  if (Status status = read(item, counter); !status.is_ok()) return status;
  const uint64_t count = counter.estimate();
  const MutableString value = edit_string(call.keyspace(key), item, string_length(*item.entry()));
  HyperLogLog::write_cached_count(value.data, count);
  if (!call.services().listeners.effects.follows()) call.changed_at_large();
  call.reply().integer(static_cast<int64_t>(count));
  return Status::ok();
}

// Unites what the keys from an argument on hold.
Status unite(Call& call, size_t first, HyperLogLog& all) {
  for (size_t i = first; i < call.arg_count(); ++i) {
    HyperLogLog one;
    if (Status status = read(call.find_to_read(call.key(i)), one); !status.is_ok()) return status;
    all.merge(one);
  }
  return Status::ok();
}

Status pfcount(Call& call) {
  if (call.arg_count() == 2) return count_one(call, call.key(1));
  HyperLogLog all;
  if (Status status = unite(call, 1, all); !status.is_ok()) return status;
  call.reply().integer(static_cast<int64_t>(all.estimate()));
  return Status::ok();
}

Status pfmerge(Call& call) {
  HyperLogLog all;
  if (Status status = unite(call, 1, all); !status.is_ok()) return status;
  const Key key = call.key(1);
  const Item old = call.find_to_write(key);
  IntegerText scratch;
  if (old) all.keep_head(string_bytes(*old.entry(), scratch));
  write(call, key, old, all);
  call.reply().ok();
  return Status::ok();
}

Status reply_registers(Call& call, const Key& key, Item item, HyperLogLog& counter) {
  if (!counter.is_dense()) {
    counter.make_dense();
    write(call, key, item, counter);
  }
  call.reply().array(HyperLogLog::kRegisters);
  for (const uint8_t value : counter.registers()) call.reply().integer(value);
  return Status::ok();
}

Status to_dense(Call& call, const Key& key, Item item, HyperLogLog& counter) {
  const bool change = !counter.is_dense();
  counter.make_dense();
  if (change) write(call, key, item, counter);
  call.reply().integer(change ? 1 : 0);
  return Status::ok();
}

Status pfdebug(Call& call) {
  const Key key = call.key(2);
  const Item item = call.find_to_write(key);
  if (!item) return Status::error("ERR The specified key does not exist");
  HyperLogLog counter;
  if (Status status = read(item, counter); !status.is_ok()) return status;
  const Bytes word = call.arg(1);
  if (equals_upper(word, "GETREG")) return reply_registers(call, key, item, counter);
  if (equals_upper(word, "TODENSE")) return to_dense(call, key, item, counter);
  if (equals_upper(word, "ENCODING")) {
    call.reply().simple(counter.is_dense() ? "dense" : "sparse");
  } else if (!equals_upper(word, "DECODE")) {
    return Status::error("ERR Unknown PFDEBUG subcommand '" + std::string(word) + "'");
  } else if (counter.is_dense()) {
    return Status::error("ERR HLL encoding is not sparse");
  } else {
    IntegerText scratch;
    call.reply().bulk(HyperLogLog::describe_sparse(string_bytes(*item.entry(), scratch)));
  }
  return Status::ok();
}

// Adds elements and looks whether the count stays within four times the expected error.
Status pfselftest(Call& call) {
  constexpr uint64_t kElements = 20000;
  const double error_max = 4 * 1.04 / std::sqrt(HyperLogLog::kRegisters);
  HyperLogLog counter;
  for (uint64_t i = 1; i <= kElements; ++i) counter.add(std::to_string(i));
  const double error = std::abs(static_cast<double>(counter.estimate()) / kElements - 1);
  if (error > error_max) return Status::error("ERR TESTFAILED Too big error");
  const auto again = HyperLogLog::parse(counter.bytes(0));
  if (!again || again->registers() != counter.registers()) {
    return Status::error("ERR TESTFAILED Register differs");
  }
  call.reply().ok();
  return Status::ok();
}

constexpr auto kFamily = family({
    {.name = "PFADD",
     .syntax = "key [element [element ...]]",
     .summary = "Counts elements; tells whether the estimate may have changed.",
     .since = "2.8.9",
     .complexity = "O(N) where N is the number of elements.",
     .group = "hyperloglog",
     .arity = at_least(2),
     .flags = Flag::write | Flag::deny_oom | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_insert),
     .acl = Acl::write | Acl::hyperloglog | Acl::fast,
     .run = pfadd},
    {.name = "PFCOUNT",
     .syntax = "key [key ...]",
     .summary = "Estimates how many different elements were counted in all keys together.",
     .since = "2.8.9",
     .complexity = "O(N) where N is the number of keys.",
     .group = "hyperloglog",
     .arity = at_least(2),
     .flags = Flag::readonly | Flag::may_replicate,  // Redis keeps the count it found
     .keys = keys_from(1, -1, 1, KeyUse::read_write_access),
     .acl = Acl::read | Acl::hyperloglog | Acl::slow,
     .run = pfcount},
    {.name = "PFMERGE",
     .syntax = "destkey [sourcekey [sourcekey ...]]",
     .summary = "Adds what other keys counted to a key.",
     .since = "2.8.9",
     .complexity = "O(N) where N is the number of keys.",
     .group = "hyperloglog",
     .arity = at_least(2),
     .flags = Flag::write | Flag::deny_oom,
     .keys = first_and_others(1, -1, KeyUse::read_write_access_insert, KeyUse::read_only_access),
     .acl = Acl::write | Acl::hyperloglog | Acl::slow,
     .run = pfmerge},
    {.name = "PFDEBUG",
     .syntax = "subcommand key",
     .summary = "Shows the inside of a counter.",
     .since = "2.8.9",
     .complexity = "O(1)",
     .group = "hyperloglog",
     .arity = exactly(3),
     .flags = Flag::write | Flag::deny_oom | Flag::admin,
     .keys = key_at(2, KeyUse::read_write_access),
     .acl = Acl::write | Acl::hyperloglog | Acl::admin | Acl::slow | Acl::dangerous,
     .run = pfdebug},
    {.name = "PFSELFTEST",
     .syntax = "",
     .summary = "Tests the counters.",
     .since = "2.8.9",
     .complexity = "O(1)",
     .group = "hyperloglog",
     .arity = exactly(1),
     .flags = Flag::admin,
     .acl = Acl::hyperloglog | Acl::admin | Acl::slow | Acl::dangerous,
     .run = pfselftest},
});

}  // namespace

std::span<const CommandSpec> hyperloglog_commands() { return kFamily; }

}  // namespace larder
