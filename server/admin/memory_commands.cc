// MEMORY: where the memory goes. Source: https://redis.io/commands/memory-stats/ and its siblings
#include <malloc.h>

#include <string>

#include "server/admin/families.h"
#include "server/admin/memory_text.h"
#include "server/commands/answers.h"
#include "server/commands/args.h"
#include "storage/shard_lock.h"
#include "storage/slab.h"

namespace larder {
namespace {

// The entry with its class rounding, its slot in the table and a value kept outside.
Status usage(Call& call) {
  Args args(call);
  const Key key = args.key();
  while (args.more()) {
    if (args.take_with_value("SAMPLES")) {
      if (args.integer() < 0 && args.ok()) args.reject();
    } else {
      args.reject();
    }
  }
  if (!args.ok()) return args.error();
  const Item item = call.peek(key);
  if (!item) {
    call.reply().null();
    return Status::ok();
  }
  call.reply().integer(static_cast<int64_t>(call.keyspace(key).memory_of(item)));
  return Status::ok();
}

struct Databases {
  std::vector<std::pair<unsigned, int64_t>> table_bytes;
};

Databases databases(Store& store) {
  Databases all;
  for (unsigned db = 0; db < store.databases(); ++db) {
    int64_t bytes = 0;
    size_t keys = 0;
    for (unsigned i = 0; i < store.shard_count(); ++i) {
      Shard& shard = store.shard(i);
      const ShardLock lock(shard, i);
      if (!lock) continue;
      const Keyspace* keyspace = shard.find_keyspace(db);
      if (keyspace == nullptr) continue;
      keys += keyspace->size();
      bytes += static_cast<int64_t>(keyspace->table().memory_bytes());
    }
    if (keys > 0) all.table_bytes.emplace_back(db, bytes);
  }
  return all;
}

Status stats(Call& call) {
  Store& store = call.store();
  store.settle_memory();
  const StoreTotals totals = store.totals();
  const int64_t used = store.memory().used();
  const int64_t rss = resident_bytes();
  const auto dataset = static_cast<int64_t>(totals.dataset_bytes);
  const auto keys = static_cast<int64_t>(totals.keys);
  const Databases per_db = databases(store);
  ReplyWriter& reply = call.reply();
  const auto number = [&](const std::string& name, int64_t value) {
    reply.bulk(name);
    reply.integer(value);
  };
  reply.map(11 + per_db.table_bytes.size());
  number("peak.allocated", store.memory().peak());
  number("total.allocated", used);
  number("overhead.total", used - dataset);
  for (const auto& [db, bytes] : per_db.table_bytes) {
    reply.bulk("db." + std::to_string(db));
    reply.map(2);
    number("overhead.hashtable.main", bytes);
    number("overhead.hashtable.expires", 0);
  }
  number("keys.count", keys);
  number("keys.bytes-per-key", keys == 0 ? 0 : used / keys);
  number("dataset.bytes", dataset);
  reply.bulk("dataset.percentage");
  reply.number(used == 0 ? 0 : static_cast<double>(dataset) * 100 / static_cast<double>(used));
  number("allocator.allocated", static_cast<int64_t>(slab_pages_bytes()));
  number("allocator.resident", rss);
  reply.bulk("fragmentation");
  reply.number(used == 0 ? 0 : static_cast<double>(rss) / static_cast<double>(used));
  number("fragmentation.bytes", rss - used);
  return Status::ok();
}

Status doctor(Call& call) {
  Store& store = call.store();
  store.settle_memory();
  const int64_t used = store.memory().used();
  const int64_t rss = resident_bytes();
  constexpr int64_t kSmall = 5 * 1024 * 1024;
  std::string text;
  if (used < kSmall) {
    text = "There is hardly any data: nothing can be said about its memory yet.\n";
  } else if (rss > used + used / 2) {
    text = "The process holds " + memory_text(rss) + " for " + memory_text(used) +
           " of data. Pages freed lately go back to the system when they are empty; MEMORY PURGE "
           "returns what the C library keeps.\n";
  }
  if (store.memory().limit() > 0 && used > store.memory().limit() / 10 * 9) {
    text += "Less than a tenth of maxmemory is left.\n";
  }
  call.reply().verbatim("txt", text.empty() ? "Memory is in good shape.\n" : text);
  return Status::ok();
}

Status purge(Call& call) {
  ::malloc_trim(0);
  call.reply().ok();
  return Status::ok();
}

Status malloc_stats(Call& call) {
  const auto heap = ::mallinfo2();
  call.reply().verbatim(
      "txt", "slab pages: " + std::to_string(slab_pages_bytes()) +
                 " bytes\nC library: " + std::to_string(heap.uordblks) + " bytes in use, " +
                 std::to_string(heap.fordblks) + " free, " + std::to_string(heap.hblkhd) +
                 " mapped\n");
  return Status::ok();
}

Status help(Call& call) {
  return reply_help(call, {"MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "DOCTOR", "    What the numbers say.",
                           "MALLOC-STATS", "    What the allocators hold.",
                           "PURGE", "    Returns unused memory to the system.",
                           "STATS", "    Where the memory goes.",
                           "USAGE <key> [SAMPLES <count>]", "    Bytes a key takes.",
                           "HELP", "    This text."});
}

constexpr CommandSpec sub(Bytes name, Bytes summary, Handler run) {
  return {.name = name, .syntax = "", .summary = summary, .since = "4.0.0",
          .complexity = "O(1)", .group = "server", .arity = exactly(2), .acl = Acl::slow,
          .run = run};
}

constexpr auto kSubcommands = family({
    {.name = "USAGE", .syntax = "key [SAMPLES count]",
     .summary = "Tells how many bytes a key takes.",
     .since = "4.0.0", .complexity = "O(1)", .group = "server", .arity = at_least(3),
     .flags = Flag::readonly, .keys = key_at(2, KeyUse::read_only),
     .acl = Acl::read | Acl::slow, .run = usage},
    sub("STATS", "Tells where the memory goes.", stats),
    sub("DOCTOR", "Says what the numbers mean.", doctor),
    sub("PURGE", "Returns unused memory to the system.", purge),
    sub("MALLOC-STATS", "Tells what the allocators hold.", malloc_stats),
    help_card("server", "4.0.0", Acl::slow, help),
});

constexpr auto kFamily = family({
    container_card("MEMORY", "A container for commands about memory.", "4.0.0", "server",
                   kSubcommands),
});

}  // namespace

std::span<const CommandSpec> memory_commands() { return kFamily; }

}  // namespace larder
