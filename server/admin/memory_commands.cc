// MEMORY: where the memory goes. Source: https://redis.io/commands/memory-stats/ and its siblings
#include <malloc.h>

#include <algorithm>
#include <string>

#include "server/admin/families.h"
#include "server/admin/memory_text.h"
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/listeners.h"
#include "server/scripting/engine.h"
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
  const Item item = call.keyspace(key).find(key);  // one whose time is over, too
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

class Figures {
 public:
  explicit Figures(ReplyWriter& reply) : reply_(reply) {}

  void number(Bytes name, int64_t value) {
    reply_.bulk(name);
    reply_.integer(value);
  }
  void ratio(Bytes name, double value) {
    reply_.bulk(name);
    reply_.number(value);
  }
  void ratio(Bytes name, int64_t part, int64_t whole) {
    ratio(name, static_cast<double>(part) / static_cast<double>(std::max<int64_t>(whole, 1)));
  }
  void percent(Bytes name, int64_t part, int64_t whole) { ratio(name, part * 100, whole); }

 private:
  ReplyWriter& reply_;
};

constexpr size_t kFigures = 27;

void figures_of_services(Call& call, Figures& figures) {
  Services& services = call.services();
  int64_t replicas = 0;
  int64_t clients = 0;
  for (size_t i = 0; i < services.workers.count(); ++i) {
    replicas += static_cast<int64_t>(services.workers.stats(i).replica_bytes.get());
    clients += static_cast<int64_t>(services.workers.stats(i).client_bytes.get());
  }
  const ScriptCounts& scripts = services.scripts.counts();
  figures.number("startup.allocated", call.store().floor_bytes());
  figures.number("replication.backlog",
                 static_cast<int64_t>(services.listeners.effects.retained_bytes()));
  figures.number("clients.slaves", replicas);
  figures.number("clients.normal", clients);
  figures.number("cluster.links", 0);
  figures.number("aof.buffer", 0);
  figures.number("lua.caches", scripts.script_bytes.load());
  figures.number("functions.caches", scripts.function_bytes.load());
}

void figures_of_allocators(int64_t used, Figures& figures) {
  const int64_t rss = resident_bytes();
  figures.number("allocator.allocated", static_cast<int64_t>(slab_pages_bytes()));
  figures.number("allocator.active", static_cast<int64_t>(slab_pages_bytes()));
  figures.number("allocator.resident", rss);
  figures.ratio("allocator-fragmentation.ratio", 1);
  figures.number("allocator-fragmentation.bytes", 0);
  figures.ratio("allocator-rss.ratio", rss, used);
  figures.number("allocator-rss.bytes", rss - used);
  figures.ratio("rss-overhead.ratio", 1);
  figures.number("rss-overhead.bytes", 0);
  figures.ratio("fragmentation", rss, used);
  figures.number("fragmentation.bytes", rss - used);
}

Status stats(Call& call) {
  Store& store = call.store();
  store.settle_memory();
  const StoreTotals totals = store.totals();
  const int64_t used = store.memory().used();
  const auto dataset = static_cast<int64_t>(totals.dataset_bytes);
  const auto keys = static_cast<int64_t>(totals.keys);
  const Databases per_db = databases(store);
  call.reply().map(kFigures + per_db.table_bytes.size());
  Figures figures(call.reply());
  figures.number("peak.allocated", store.memory().peak());
  figures.number("total.allocated", used);
  figures_of_services(call, figures);
  for (const auto& [db, bytes] : per_db.table_bytes) {
    call.reply().bulk("db." + std::to_string(db));
    call.reply().map(2);
    figures.number("overhead.hashtable.main", bytes);
    figures.number("overhead.hashtable.expires", 0);
  }
  figures.number("overhead.total", used - dataset);
  figures.number("keys.count", keys);
  figures.number("keys.bytes-per-key", keys == 0 ? 0 : used / keys);
  figures.number("dataset.bytes", dataset);
  figures.percent("dataset.percentage", dataset, used);
  figures.percent("peak.percentage", used, store.memory().peak());
  figures_of_allocators(used, figures);
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
