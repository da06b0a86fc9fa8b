// DUMP and RESTORE: a value as bytes that this server and Redis understand.
// Source: https://redis.io/commands/dump/, https://redis.io/commands/restore/
#include <algorithm>
#include <limits>
#include <vector>

#include "server/engine/args.h"
#include "server/engine/effect_words.h"
#include "server/engine/listeners.h"
#include "server/persistence/families.h"
#include "server/persistence/value_limits.h"
#include "storage/eviction/eviction_group.h"
#include "storage/rdb/dump.h"

namespace larder {
namespace {

Status dump(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!item) {
    call.reply().null();
    return Status::ok();
  }
  const bool compress = call.settings().rdb_compression.load(std::memory_order_relaxed);
  call.reply().bulk(dump_value(*item.entry(), compress));
  return Status::ok();
}

struct RestoreOptions {
  int64_t ttl_ms = 0;
  Bytes payload;
  bool replace = false;
  bool absolute = false;
  int64_t idle_seconds = -1;
  int64_t frequency = -1;
};

void take_restore_option(Args& args, RestoreOptions& options) {
  if (args.take("REPLACE")) {
    options.replace = true;
  } else if (args.take("ABSTTL")) {
    options.absolute = true;
  } else if (options.frequency < 0 && args.take_with_value("IDLETIME")) {
    options.idle_seconds = args.integer();
    if (args.ok() && options.idle_seconds < 0) {
      args.fail("ERR Invalid IDLETIME value, must be >= 0");
    }
  } else if (options.idle_seconds < 0 && args.take_with_value("FREQ")) {
    constexpr int64_t kFrequencyMax = 255;
    options.frequency = args.integer();
    if (args.ok() && (options.frequency < 0 || options.frequency > kFrequencyMax)) {
      args.fail("ERR Invalid FREQ value, must be >= 0 and <= 255");
    }
  } else {
    args.reject();
  }
}

// The time in `options`, absolute; nothing: it is no time. kNoExpiry: none was given.
std::optional<int64_t> expiry_of(const RestoreOptions& options, int64_t now_ms) {
  if (options.ttl_ms < 0) return {};
  if (options.ttl_ms == 0) return kNoExpiry;
  if (options.absolute) return options.ttl_ms;
  if (options.ttl_ms > std::numeric_limits<int64_t>::max() - now_ms) return {};
  return now_ms + options.ttl_ms;
}

// The request as it is, with an absolute time.
void give_restore(Call& call, const RestoreOptions& options, int64_t expiry_ms) {
  if (options.absolute || expiry_ms == kNoExpiry || !call.wants_effect()) return;
  const NumberWord time(expiry_ms);
  std::vector<Bytes> words(call.args().begin(), call.args().end());
  words[2] = time;
  words.push_back("ABSTTL");
  call.effect(words);
}

// In Redis's order: options, then the key that is there, then time and payload.
Status restore(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Bytes ttl = args.bytes();
  RestoreOptions options;
  options.payload = args.bytes();
  while (args.more()) take_restore_option(args, options);
  if (!args.ok()) return args.error();

  const Item old = call.find_to_write(key);
  if (old && !options.replace) {
    return Status::error("BUSYKEY Target key name already exists.");
  }
  const auto ttl_ms = parse_int64(ttl);
  if (!ttl_ms) return Status::error(errors::kNotInteger);
  options.ttl_ms = *ttl_ms;
  const auto expiry_ms = expiry_of(options, call.clock_ms());
  if (!expiry_ms) return Status::error("ERR Invalid TTL value, must be >= 0");
  if (!is_dump_payload(options.payload, !call.settings().checksums_ignored.load())) {
    return Status::error("ERR DUMP payload version or checksum are wrong");
  }
  const RestoreOutcome outcome =
      restore_value(call.keyspace(key), key, old, options.payload, value_limits(call.settings()),
                    *expiry_ms, call.now_ms());
  if (outcome.fault != RestoreFault::none) return Status::error("ERR Bad data format");
  Item item = outcome.item;
  if (item && item->expired(call.now_ms())) {  // it was restored too late
    call.keyspace(key).remove(item);
    item = {};
  }
  if (item) {
    call.keyspace(key).recall_use(item, {.idle_seconds = options.idle_seconds,
                                         .frequency = static_cast<int>(options.frequency)});
    // In place of another it is a new key all the same.
    if (old) call.services().listeners.added(call.session().db, key.name);
    call.changed("restore", key);
    give_restore(call, options, *expiry_ms);
  } else if (old) {
    call.changed("del", key);
    effect_removal(call, key, Removal::server);
  }
  call.reply().ok();
  return Status::ok();
}

constexpr CommandSpec restoring(Bytes name, Bytes summary, Bytes since, Bytes group) {
  return {.name = name,
          .syntax =
              "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
          .summary = summary,
          .since = since,
          .complexity = "O(1) to create the key and O(N) for its value of N elements, O(N*log(N)) "
                        "for a sorted set",
          .group = group,
          .arity = at_least(4),
          .flags = Flag::write | Flag::deny_oom,
          .keys = key_at(1, KeyUse::overwrite_update),
          .acl = Acl::keyspace | Acl::write | Acl::slow | Acl::dangerous,
          .run = restore};
}

constexpr auto kFamily = family({
    {.name = "DUMP",
     .syntax = "key",
     .summary = "Returns a value as bytes for RESTORE.",
     .since = "2.6.0",
     .complexity = "O(1) to find the key and O(N) for its value of N elements",
     .group = "generic",
     .arity = exactly(2),
     .flags = Flag::readonly,
     .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::keyspace | Acl::read | Acl::slow,
     .run = dump},
    restoring("RESTORE", "Creates a key from what DUMP returned.", "2.6.0", "generic"),
    restoring("RESTORE-ASKING", "RESTORE of a key on its way between nodes of a cluster.", "3.0.0",
              "server"),
});

}  // namespace

std::span<const CommandSpec> dump_commands() { return kFamily; }

}  // namespace larder
