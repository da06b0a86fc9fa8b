// INFO: one function per section, in Redis's order and with its field names.
// Source: https://redis.io/commands/info/
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/numbers.h"
#include "server/admin/families.h"
#include "server/admin/memory_text.h"
#include "server/admin/options.h"
#include "server/commands/eviction_advice.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/activity.h"
#include "server/engine/append_only.h"
#include "server/engine/args.h"
#include "server/engine/ending.h"
#include "server/engine/latency_buckets.h"
#include "server/engine/listeners.h"
#include "server/engine/persistence.h"
#include "server/engine/replication.h"
#include "server/engine/version.h"
#include "server/scripting/engine.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

struct Info {
  Call& call;
  std::string text;

  void add(Bytes name, Bytes value) {
    text.append(name).append(":").append(value).append("\r\n");
  }
  void add(Bytes name, int64_t value) { add(name, Bytes(std::to_string(value))); }
  void add_ratio(Bytes name, double value, int decimals = 2) {
    char digits[64];
    std::snprintf(digits, sizeof digits, "%.*f", decimals, value);
    add(name, Bytes(digits));
  }
  std::string option(Bytes name) const {
    return call.services().configuration.value(name).value_or("");
  }
  int64_t sum(Counter WorkerStats::* counter) const {
    uint64_t total = 0;
    Workers& workers = call.services().workers;
    for (size_t i = 0; i < workers.count(); ++i) total += (workers.stats(i).*counter).get();
    return static_cast<int64_t>(total);
  }
  int64_t most(Counter WorkerStats::* counter) const {
    uint64_t largest = 0;
    Workers& workers = call.services().workers;
    for (size_t i = 0; i < workers.count(); ++i) {
      largest = std::max(largest, (workers.stats(i).*counter).get());
    }
    return static_cast<int64_t>(largest);
  }
};

// Fields of work that this server never does: tools ask for them all the same.
void add_zeros(Info& info, std::initializer_list<Bytes> names) {
  for (const Bytes name : names) info.add(name, 0);
}

// One line for each kind of socket, numbered by kind.
void add_listeners(Info& info) {
  std::string addresses;
  for (const std::string& address : split_words(info.option("bind"))) {
    addresses += ",bind=" + address;
  }
  if (const std::string port = info.option("port"); port != "0") {
    info.add("listener0", "name=tcp" + addresses + ",port=" + port);
  }
  if (const std::string path = info.option("unixsocket"); !path.empty()) {
    info.add("listener1", "name=unix,bind=" + path);
  }
  if (const std::string port = info.option("tls-port"); port != "0") {
    info.add("listener2", "name=tls" + addresses + ",port=" + port);
  }
}

void server(Info& info) {
  utsname system{};
  ::uname(&system);
  std::error_code error;
  const std::string executable = std::filesystem::read_symlink("/proc/self/exe", error);
  const int64_t up_seconds = (unix_ms() - info.call.services().start_ms) / 1000;
  info.add("redis_version", kRedisVersion);
  info.add("redis_git_sha1", "00000000");
  info.add("redis_git_dirty", 0);
  info.add("redis_build_id", kLarderVersion);
  info.add("redis_mode", "standalone");
  info.add("larder_version", kLarderVersion);
  info.add("os", std::string(system.sysname) + " " + system.release + " " + system.machine);
  info.add("arch_bits", static_cast<int64_t>(sizeof(void*) * 8));
  info.add("monotonic_clock", "POSIX clock_gettime");
  info.add("multiplexing_api", "epoll");
  info.add("atomicvar_api", "c++20");
  info.add("gcc_version", std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + ".0");
  info.add("process_id", ::getpid());
  info.add("process_supervised", info.option("supervised"));
  info.add("run_id", info.call.services().run_id);
  const std::string port = info.option("port");
  info.add("tcp_port", port == "0" ? info.option("tls-port") : port);
  info.add("server_time_usec", unix_us());
  info.add("uptime_in_seconds", up_seconds);
  info.add("uptime_in_days", up_seconds / 86400);
  info.add("hz", info.option("hz"));
  info.add("configured_hz", info.option("hz"));
  info.add("lru_clock", (unix_ms() / 1000) & 0xffffff);
  info.add("executable", executable);
  info.add("config_file", info.call.services().configuration.file());
  const Ending* ending = info.call.services().ending;
  if (const auto left_ms = ending == nullptr ? std::nullopt : ending->remaining_ms()) {
    info.add("shutdown_in_milliseconds", *left_ms);
  }
  info.add("io_threads_active", info.call.services().workers.count() > 1 ? 1 : 0);
  info.add("worker_threads", static_cast<int64_t>(info.call.services().workers.count()));
  add_listeners(info);
}

// Keys that clients wait for or watch.
struct ListedKeys {
  int64_t waited = 0;
  int64_t waited_on_removal = 0;
  int64_t watched = 0;
  std::vector<uint64_t> watching;  // ids of clients, once for each key
};

ListedKeys count_listed(Listeners& listeners) {
  ListedKeys keys;
  listeners.waiters.each([&](const Waiters::List& list) {
    ++keys.waited;
    keys.waited_on_removal += std::any_of(list.begin(), list.end(), [](const auto& waiter) {
      return waiter->options.wakes_on_removal;
    });
  });
  listeners.watches.each([&](const Watches::List& list) {
    const size_t before = keys.watching.size();
    for (const auto& watch : list) {
      if (watch->client != 0) keys.watching.push_back(watch->client);
    }
    keys.watched += keys.watching.size() > before;
  });
  return keys;
}

// None as far as a script knows, which may not reach for every shard.
ListedKeys find_listed_keys(Services& services) {
  Listeners& listeners = services.listeners;
  if (listeners.waiters.empty() && listeners.watches.empty()) return {};
  const ShardSet shards = all_shards(services.store);
  const bool held = held_shards != nullptr;
  if (held ? !shards.all(is_shard_held) : !lock_shards(services.store, shards)) return {};
  ListedKeys keys = count_listed(listeners);
  if (!held) unlock_shards(services.store, shards);
  std::sort(keys.watching.begin(), keys.watching.end());
  keys.watching.erase(std::unique(keys.watching.begin(), keys.watching.end()),
                      keys.watching.end());
  return keys;
}

void clients(Info& info) {
  const Replication* replication = info.call.services().replication;
  const auto replicas =
      replication == nullptr ? 0 : static_cast<int64_t>(replication->replica_count());
  info.add("connected_clients", std::max<int64_t>(info.sum(&WorkerStats::clients) - replicas, 0));
  info.add("cluster_connections", 0);
  info.add("maxclients", info.option("maxclients"));
  info.add("client_recent_max_input_buffer", info.most(&WorkerStats::largest_input));
  info.add("client_recent_max_output_buffer", info.most(&WorkerStats::largest_output));
  info.add("blocked_clients", info.sum(&WorkerStats::blocked));
  info.add("tracking_clients",
           static_cast<int64_t>(info.call.services().listeners.tracking.clients()));
  info.add("pubsub_clients", info.call.services().listeners.pubsub.clients.load());
  const ListedKeys listed = find_listed_keys(info.call.services());
  info.add("watching_clients", static_cast<int64_t>(listed.watching.size()));
  info.add("clients_in_timeout_table", info.sum(&WorkerStats::blocked_for_a_time));
  info.add("total_watched_keys", listed.watched);
  info.add("total_blocking_keys", listed.waited);
  info.add("total_blocking_keys_on_nokey", listed.waited_on_removal);
}

std::string percent_text(int64_t part, int64_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f%%",
                static_cast<double>(part) * 100 / static_cast<double>(std::max<int64_t>(whole, 1)));
  return text;
}

void memory_of_scripts(Info& info) {
  const ScriptCounts& counts = info.call.services().scripts.counts();
  const int64_t vm = counts.vm_bytes.load();
  const int64_t texts = counts.script_bytes.load() + counts.function_bytes.load();
  info.add("used_memory_lua", vm);
  info.add("used_memory_vm_eval", vm);
  info.add("used_memory_lua_human", memory_text(vm));
  info.add("used_memory_scripts_eval", counts.script_bytes.load());
  info.add("number_of_cached_scripts", counts.scripts.load());
  info.add("number_of_functions", counts.functions.load());
  info.add("number_of_libraries", counts.libraries.load());
  info.add("used_memory_vm_functions", 0);  // one interpreter runs both
  info.add("used_memory_vm_total", vm);
  info.add("used_memory_vm_total_human", memory_text(vm));
  info.add("used_memory_functions", counts.function_bytes.load());
  info.add("used_memory_scripts", texts);
  info.add("used_memory_scripts_human", memory_text(texts));
}

void memory_of_others(Info& info, int64_t used, int64_t rss) {
  memory_of_scripts(info);
  info.add("allocator_allocated", used);
  info.add("allocator_active", used);
  info.add("allocator_resident", rss);
  info.add_ratio("allocator_frag_ratio", 1);
  info.add("allocator_frag_bytes", 0);
  const double over = static_cast<double>(rss) / static_cast<double>(std::max<int64_t>(used, 1));
  info.add_ratio("allocator_rss_ratio", over);
  info.add("allocator_rss_bytes", rss - used);
  info.add_ratio("rss_overhead_ratio", 1);
  info.add("rss_overhead_bytes", 0);
}

void memory(Info& info) {
  Store& store = info.call.store();
  store.settle_memory();
  MemoryAccount& account = store.memory();
  const StoreTotals totals = store.totals();
  const int64_t used = account.used();
  const int64_t rss = resident_bytes();
  const auto with_text = [&](const std::string& name, int64_t bytes) {
    info.add(name, bytes);
    info.add(name + "_human", memory_text(bytes));
  };
  with_text("used_memory", used);
  with_text("used_memory_rss", rss);
  with_text("used_memory_peak", account.peak());
  info.add("used_memory_peak_perc", percent_text(used, account.peak()));
  info.add("used_memory_overhead", used - static_cast<int64_t>(totals.dataset_bytes));
  info.add("used_memory_startup", store.floor_bytes());
  info.add("used_memory_dataset", static_cast<int64_t>(totals.dataset_bytes));
  info.add("used_memory_dataset_perc",
           percent_text(static_cast<int64_t>(totals.dataset_bytes), used));
  info.add("used_memory_tables", static_cast<int64_t>(totals.table_bytes));
  with_text("total_system_memory",
            int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE));
  info.add("maxmemory", info.option("maxmemory"));
  info.add("maxmemory_human", memory_text(account.limit()));
  info.add("maxmemory_policy", info.option("maxmemory-policy"));
  info.add_ratio("mem_fragmentation_ratio",
                 static_cast<double>(rss) / static_cast<double>(std::max<int64_t>(used, 1)));
  info.add("mem_fragmentation_bytes", rss - used);
  memory_of_others(info, used, rss);
  const auto log_bytes =
      static_cast<int64_t>(info.call.services().listeners.effects.retained_bytes());
  info.add("mem_not_counted_for_evict", 0);  // the effect log is no part of used_memory
  info.add("mem_replication_backlog", log_bytes);
  info.add("mem_total_replication_buffers", log_bytes);
  info.add("mem_clients_slaves", info.sum(&WorkerStats::replica_bytes));
  add_zeros(info, {"mem_cluster_links", "mem_aof_buffer"});
  info.add("mem_clients_normal", info.sum(&WorkerStats::client_bytes));
  info.add("mem_allocator", "larder-slab");
  const Reclaimer* reclaimer = store.reclaimer();
  info.add("active_defrag_running", 0);
  info.add("lazyfree_pending_objects",
           static_cast<int64_t>(reclaimer == nullptr ? 0 : reclaimer->pending()));
  info.add("lazyfreed_objects",
           static_cast<int64_t>(reclaimer == nullptr ? 0 : reclaimer->freed()));
}

// While the data is being loaded, as Redis words it.
void loading(Info& info, const PersistenceFacts& facts) {
  const auto total = static_cast<double>(std::max<uint64_t>(facts.loading_total_bytes, 1));
  const auto done = static_cast<double>(facts.loading_loaded_bytes);
  const int64_t spent_seconds = unix_ms() / 1000 - facts.loading_start_seconds;
  const double left_seconds =
      done == 0 ? 1 : static_cast<double>(spent_seconds) * (total - done) / done;
  info.add("loading_start_time", facts.loading_start_seconds);
  info.add("loading_total_bytes", static_cast<int64_t>(facts.loading_total_bytes));
  info.add("loading_rdb_used_mem", 0);
  info.add("loading_loaded_bytes", static_cast<int64_t>(facts.loading_loaded_bytes));
  info.add_ratio("loading_loaded_perc", done * 100 / total);
  info.add("loading_eta_seconds", static_cast<int64_t>(left_seconds));
}

void saving(Info& info, const PersistenceFacts& facts) {
  add_zeros(info, {"current_cow_peak", "current_cow_size", "current_cow_size_age"});
  info.add_ratio("current_fork_perc",
                 facts.save_keys_total == 0 ? 0
                                            : static_cast<double>(facts.save_keys_written) * 100 /
                                                  static_cast<double>(facts.save_keys_total));
  info.add("current_save_keys_processed", static_cast<int64_t>(facts.save_keys_written));
  info.add("current_save_keys_total", static_cast<int64_t>(facts.save_keys_total));
  info.add("rdb_changes_since_last_save", static_cast<int64_t>(facts.changes));
  const Replication* replication = info.call.services().replication;
  const bool sending = replication != nullptr && replication->is_sending_file();
  info.add("rdb_bgsave_in_progress", facts.saving || sending ? 1 : 0);
  info.add("rdb_last_save_time", facts.last_save_seconds);
  info.add("rdb_last_bgsave_status", facts.last_save_ok ? "ok" : "err");
  info.add("rdb_last_bgsave_time_sec", facts.last_save_took_seconds);
  info.add("rdb_current_bgsave_time_sec", facts.save_began_seconds_ago);
  info.add("rdb_saves", static_cast<int64_t>(facts.saves));
  info.add("rdb_last_cow_size", 0);
  info.add("rdb_last_load_keys_expired", static_cast<int64_t>(facts.expired_keys));
  info.add("rdb_last_load_keys_loaded", static_cast<int64_t>(facts.loaded_keys));
}

void append_only(Info& info) {
  const AppendOnly* file = info.call.services().append_only;
  const AppendOnlyFacts facts = file != nullptr ? file->facts() : AppendOnlyFacts();
  info.add("aof_enabled", facts.enabled ? 1 : 0);
  info.add("aof_rewrite_in_progress", facts.rewriting && !facts.rewrite_waits ? 1 : 0);
  info.add("aof_rewrite_scheduled", facts.rewrite_waits ? 1 : 0);
  info.add("aof_last_rewrite_time_sec", facts.last_rewrite_seconds);
  info.add("aof_current_rewrite_time_sec", facts.current_rewrite_seconds);
  info.add("aof_last_bgrewrite_status", facts.last_rewrite_ok ? "ok" : "err");
  info.add("aof_rewrites", facts.rewrites);
  info.add("aof_rewrites_consecutive_failures", facts.rewrite_failures);
  info.add("aof_last_write_status", facts.last_write_ok ? "ok" : "err");
  add_zeros(info, {"aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"});
  if (!facts.enabled) return;
  info.add("aof_current_size", facts.current_bytes);
  info.add("aof_base_size", facts.base_bytes);
  info.add("aof_pending_rewrite", 0);
  info.add("aof_buffer_length", facts.unwritten_bytes);
  info.add("aof_pending_bio_fsync", 0);
  info.add("aof_delayed_fsync", facts.delayed_syncs);
}

// It may be the append-only file that is being loaded.
void note_log_loading(Info& info, PersistenceFacts& facts) {
  if (info.call.services().append_only == nullptr) return;
  const AppendOnlyFacts log = info.call.services().append_only->facts();
  if (!log.loading) return;
  facts.loading = true;
  facts.loading_start_seconds = log.loading_start_seconds;
  facts.loading_total_bytes = log.loading_total_bytes;
  facts.loading_loaded_bytes = log.loading_loaded_bytes;
}

void persistence(Info& info) {
  const Persistence* persistence = info.call.services().persistence;
  PersistenceFacts facts = persistence == nullptr ? PersistenceFacts{} : persistence->facts();
  note_log_loading(info, facts);
  info.add("loading", facts.loading ? 1 : 0);
  const uint32_t trouble = info.call.services().settings.trouble.load();
  info.add("async_loading", (trouble & kLoadingBeside) != 0 ? 1 : 0);
  saving(info, facts);
  append_only(info);
  if (facts.loading) loading(info, facts);
}

// What all workers counted for one command.
struct Sums {
  uint64_t calls = 0, ticks = 0, rejected = 0, failed = 0;
  std::array<uint64_t, CommandStats::kBuckets> latency{};
};

Sums sums_of(Workers& workers, const Command& command) {
  Sums sums;
  for (size_t i = 0; i < workers.count(); ++i) {
    const CommandStats& stats = workers.stats(i).commands[command.id];
    sums.calls += stats.calls.get();
    sums.ticks += stats.ticks.get();
    sums.rejected += stats.rejected.get();
    sums.failed += stats.failed.get();
    for (size_t b = 0; b < sums.latency.size(); ++b) sums.latency[b] += stats.latency[b].get();
  }
  return sums;
}

int64_t command_us(Services& services) {
  uint64_t total_ticks = 0;
  for (const auto& command : services.registry.all()) {
    total_ticks += sums_of(services.workers, *command).ticks;
  }
  return ticks_to_ns(total_ticks) / 1000;
}

// A round is what the loop ran in one go, or its clock's work; its time is the processor's, in
// which waiting for work has no part.
void add_event_loop(Info& info, const Rates::Totals& rates) {
  info.add("eventloop_cycles", info.sum(&WorkerStats::rounds));
  info.add("eventloop_duration_sum", info.sum(&WorkerStats::busy_us));
  info.add("eventloop_duration_cmd_sum", command_us(info.call.services()));
  info.add("instantaneous_eventloop_cycles_per_sec", static_cast<int64_t>(rates.rounds));
  info.add("instantaneous_eventloop_duration_usec",
           static_cast<int64_t>(rates.rounds == 0 ? 0 : rates.busy_us / rates.rounds));
}

// `files`: bytes of full syncs, which no worker received.
void add_traffic(Info& info, const Rates::Totals& rates, int64_t files) {
  const auto kilobytes = [](uint64_t bytes) { return static_cast<double>(bytes) / 1024; };
  info.add("total_net_input_bytes", info.sum(&WorkerStats::bytes_in) + files);
  info.add("total_net_output_bytes", info.sum(&WorkerStats::bytes_out));
  info.add("total_net_repl_input_bytes", info.sum(&WorkerStats::stream_bytes_in) + files);
  info.add("total_net_repl_output_bytes", info.sum(&WorkerStats::stream_bytes_out));
  info.add_ratio("instantaneous_input_kbps", kilobytes(rates.bytes_in));
  info.add_ratio("instantaneous_output_kbps", kilobytes(rates.bytes_out));
  info.add_ratio("instantaneous_input_repl_kbps", kilobytes(rates.stream_bytes_in));
  info.add_ratio("instantaneous_output_repl_kbps", kilobytes(rates.stream_bytes_out));
}

void stats(Info& info) {
  const StoreTotals totals = info.call.store().totals();
  const Rates::Totals rates = info.call.services().rates.per_second();
  info.add("total_connections_received", info.sum(&WorkerStats::connections_received));
  info.add("total_commands_processed", info.sum(&WorkerStats::commands_run));
  info.add("instantaneous_ops_per_sec", static_cast<int64_t>(rates.commands));
  Replication* replication = info.call.services().replication;
  const Replication::SyncCounts syncs =
      replication == nullptr ? Replication::SyncCounts{} : replication->sync_counts();
  add_traffic(info, rates, static_cast<int64_t>(syncs.received_bytes));
  info.add("rejected_connections", info.sum(&WorkerStats::connections_rejected));
  info.add("sync_full", static_cast<int64_t>(syncs.full));
  info.add("sync_partial_ok", static_cast<int64_t>(syncs.partial));
  info.add("sync_partial_err", static_cast<int64_t>(syncs.refused));
  info.add("expired_keys", static_cast<int64_t>(totals.expired_keys));
  info.add_ratio("expired_stale_perc", 0);
  info.add("expired_subkeys", static_cast<int64_t>(totals.expired_fields));
  info.add("expired_time_cap_reached_count", info.sum(&WorkerStats::expiry_stops));
  const auto expiry_ticks = static_cast<uint64_t>(info.sum(&WorkerStats::expiry_ticks));
  info.add("expire_cycle_cpu_milliseconds", ticks_to_ns(expiry_ticks) / 1'000'000);
  info.add("evicted_keys", static_cast<int64_t>(totals.evicted_keys));
  info.add("evicted_clients", info.sum(&WorkerStats::evicted_clients));
  info.add("total_eviction_exceeded_time", info.sum(&WorkerStats::over_limit_ms));
  info.add("current_eviction_exceeded_time", info.sum(&WorkerStats::over_limit_now_ms));
  info.add("keyspace_hits", info.sum(&WorkerStats::hits));
  info.add("keyspace_misses", info.sum(&WorkerStats::misses));
  PubSub& pubsub = info.call.services().listeners.pubsub;
  info.add("pubsub_channels", static_cast<int64_t>(pubsub.channels.size()));
  info.add("pubsub_patterns", static_cast<int64_t>(pubsub.patterns.size()));
  info.add("pubsubshard_channels", static_cast<int64_t>(pubsub.shard_channels.size()));
  info.add("latest_fork_usec", 0);
  add_zeros(info, {"total_forks", "migrate_cached_sockets"});
  info.add("slave_expires_tracked_keys",
           replication == nullptr ? 0 : static_cast<int64_t>(replication->own_keys()));
  add_zeros(info, {"active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits",
                   "active_defrag_key_misses", "total_active_defrag_time",
                   "current_active_defrag_time"});
  const Tracking& tracking = info.call.services().listeners.tracking;
  info.add("tracking_total_keys", static_cast<int64_t>(tracking.keys()));
  info.add("tracking_total_items", static_cast<int64_t>(tracking.items()));
  info.add("tracking_total_prefixes", static_cast<int64_t>(tracking.prefixes()));
  info.add("unexpected_error_replies",
           replication == nullptr ? 0 : static_cast<int64_t>(replication->failed_commands()));
  info.add("total_error_replies", info.sum(&WorkerStats::errors));
  add_zeros(info, {"dump_payload_sanitizations"});
  info.add("total_reads_processed", info.sum(&WorkerStats::reads));
  info.add("total_writes_processed", info.sum(&WorkerStats::writes));
  add_zeros(info, {"io_threaded_reads_processed",
                   "io_threaded_writes_processed", "reply_buffer_shrinks",
                   "reply_buffer_expands"});
  const AclLog& acl_log = info.call.services().access.log;
  const auto denied = [&](AclReason reason) {
    return static_cast<int64_t>(acl_log.denied(reason));
  };
  info.add("acl_access_denied_auth", denied(AclReason::auth));
  info.add("acl_access_denied_cmd", denied(AclReason::command));
  info.add("acl_access_denied_key", denied(AclReason::key));
  info.add("acl_access_denied_channel", denied(AclReason::channel));
  info.add("tls_handshakes", info.sum(&WorkerStats::tls_handshakes));
  info.add("tls_handshake_failures", info.sum(&WorkerStats::tls_failures));
  info.add("client_query_buffer_limit_disconnections",
           info.sum(&WorkerStats::query_buffer_kills));
  info.add("client_output_buffer_limit_disconnections",
           info.sum(&WorkerStats::output_buffer_kills));
  add_event_loop(info, rates);
}

std::string curve_text(const Estimate& point) {
  char text[64];
  std::snprintf(text, sizeof text, "hit_ratio=%.4f,byte_hit_ratio=%.4f", point.hit_ratio,
                point.byte_hit_ratio);
  return text;
}

// What EVICTION ADVISE tells, for those who collect INFO. Estimates come once there are reads to
// rest on.
// What adaptive changed to, the latest first.
void latest_changes(Info& info) {
  constexpr size_t kMost = 8;
  const std::vector<PolicyChange> changes = info.call.store().eviction_history();
  for (size_t i = 0; i < std::min(changes.size(), kMost); ++i) {
    const PolicyChange& change = changes[changes.size() - 1 - i];
    info.add("eviction_change_" + std::to_string(i),
             "time=" + std::to_string(change.time_ms) + ";from=" + change.from +
                 ";to=" + change.to + ";because=" + change.because);
  }
}

void eviction(Info& info) {
  const Advice advice = advice_of(info.call.services());
  info.add("eviction_policy", info.option("maxmemory-policy"));
  info.add("eviction_goal", info.option("eviction-goal"));
  info.add("eviction_setting", advice.facts.setting);
  info.add("eviction_setting_changes", static_cast<int64_t>(advice.facts.changes));
  info.add("eviction_sampled_reads", static_cast<int64_t>(advice.facts.sampled_reads));
  latest_changes(info);
  if (advice.facts.sampled_reads == 0) return;
  for (const Estimate& each : advice.facts.estimates) {
    if (each.factor == 1) info.add_ratio("eviction_hit_ratio_" + each.policy, each.hit_ratio, 4);
  }
  for (const Estimate& each : advice.curve(advice.policy)) {
    info.add("eviction_curve_" + std::to_string(advice.bytes_at(each.factor)),
             curve_text(each));
  }
  info.add("eviction_recommended_policy", advice.best_policy());
  info.add("eviction_recommended_memory", advice.bytes_at(advice.best_factor()));
}

void replication(Info& info) {
  Replication* replication = info.call.services().replication;
  if (replication != nullptr) info.text += replication->info();
}

void cpu(Info& info) {
  const auto seconds = [&](const std::string& suffix, int who) {
    rusage usage{};
    ::getrusage(who, &usage);
    const auto total = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    info.add_ratio("used_cpu_sys" + suffix, total(usage.ru_stime), 6);
    info.add_ratio("used_cpu_user" + suffix, total(usage.ru_utime), 6);
  };
  seconds("", RUSAGE_SELF);
  seconds("_children", RUSAGE_CHILDREN);
  seconds("_main_thread", RUSAGE_THREAD);  // of the worker that answers
}

void modules(Info&) {}

void commandstats(Info& info) {
  for (const auto& command : info.call.services().registry.all()) {
    const Sums sums = sums_of(info.call.services().workers, *command);
    if (sums.calls + sums.rejected + sums.failed == 0) continue;
    const auto us = static_cast<uint64_t>(ticks_to_ns(sums.ticks)) / 1000;
    char values[160];
    std::snprintf(values, sizeof values,
                  "calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu",
                  static_cast<unsigned long long>(sums.calls), static_cast<unsigned long long>(us),
                  sums.calls == 0 ? 0 : static_cast<double>(us) / static_cast<double>(sums.calls),
                  static_cast<unsigned long long>(sums.rejected),
                  static_cast<unsigned long long>(sums.failed));
    info.add("cmdstat_" + command->name, Bytes(values));
  }
}

void errorstats(Info& info) {
  for (const auto& [word, count] : info.call.services().error_stats.counts()) {
    std::string kind = word;
    const auto breaks_line = [](char c) { return Bytes("#:\n\r").find(c) != Bytes::npos; };
    std::replace_if(kind.begin(), kind.end(), breaks_line, '_');
    info.add("errorstat_" + kind, "count=" + std::to_string(count));
  }
}

// Upper bound of the bucket that holds the percentile, microseconds.
double percentile_us(const Sums& sums, uint64_t total, double percent) {
  const double wanted = static_cast<double>(total) * percent / 100;
  uint64_t seen = 0;
  for (size_t b = 0; b < sums.latency.size(); ++b) {
    seen += sums.latency[b];
    if (static_cast<double>(seen) >= wanted) return static_cast<double>(latency_bucket_us_max(b));
  }
  return 0;
}

void latencystats(Info& info) {
  const std::string percents = info.option("latency-tracking-info-percentiles");
  for (const auto& command : info.call.services().registry.all()) {
    const Sums sums = sums_of(info.call.services().workers, *command);
    uint64_t total = 0;
    for (const uint64_t count : sums.latency) total += count;
    if (total == 0) continue;
    std::string values;
    for (size_t at = 0; at < percents.size();) {
      const size_t end = std::min(percents.find(' ', at), percents.size());
      const std::string percent = percents.substr(at, end - at);
      char value[64];
      std::snprintf(value, sizeof value, "%sp%s=%.3f", values.empty() ? "" : ",", percent.c_str(),
                    percentile_us(sums, total, parse_double(percent).value_or(50)));
      values += value;
      at = end + 1;
    }
    info.add("latency_percentiles_usec_" + command->name, values);
  }
}

void cluster(Info& info) { info.add("cluster_enabled", 0); }

// Milliseconds that a few keys with an expiry have left, on average.
int64_t average_ttl_ms(Call& call, unsigned db) {
  int64_t sum = 0;
  int64_t count = 0;
  for (unsigned i = 0; i < call.store().shard_count(); ++i) {
    Shard& shard = call.store().shard(i);
    const ShardLock lock(shard, i);
    if (!lock) continue;
    Keyspace* keys = shard.find_keyspace(db);
    if (keys == nullptr || keys->volatile_count() == 0) continue;
    const Item item = keys->volatile_candidate(call.random().next());
    if (!item) continue;
    sum += std::max<int64_t>(item->expiry_ms() - call.now_ms(), 0);
    ++count;
  }
  return count == 0 ? 0 : sum / count;
}

void keyspace(Info& info) {
  for (unsigned db = 0; db < info.call.store().databases(); ++db) {
    const DatabaseSize size = info.call.store().database_size(db);
    if (size.keys == 0) continue;
    info.add("db" + std::to_string(db),
             "keys=" + std::to_string(size.keys) + ",expires=" + std::to_string(size.with_expiry) +
                 ",avg_ttl=" + std::to_string(average_ttl_ms(info.call, db)));
  }
}

// The append-only file has a thread of its own: no loop's time goes there.
void debug(Info& info) {
  const auto us = [](int64_t ticks) { return ticks_to_ns(static_cast<uint64_t>(ticks)) / 1000; };
  add_zeros(info, {"eventloop_duration_aof_sum"});
  info.add("eventloop_duration_cron_sum", us(info.sum(&WorkerStats::cron_ticks)));
  info.add("eventloop_duration_max", us(info.most(&WorkerStats::longest_round_ticks)));
  info.add("eventloop_cmd_per_cycle_max", info.most(&WorkerStats::largest_round));
}

enum class Shown : uint8_t { by_default, with_all, if_named };

struct Section {
  Bytes name;
  Bytes title;
  Shown shown;
  void (*write)(Info&);
};
constexpr Section kSections[] = {
    {"server", "Server", Shown::by_default, server},
    {"clients", "Clients", Shown::by_default, clients},
    {"memory", "Memory", Shown::by_default, memory},
    {"persistence", "Persistence", Shown::by_default, persistence},
    {"stats", "Stats", Shown::by_default, stats},
    {"eviction", "Eviction", Shown::by_default, eviction},
    {"replication", "Replication", Shown::by_default, replication},
    {"cpu", "CPU", Shown::by_default, cpu},
    {"modules", "Modules", Shown::by_default, modules},
    {"commandstats", "Commandstats", Shown::with_all, commandstats},
    {"errorstats", "Errorstats", Shown::by_default, errorstats},
    {"latencystats", "Latencystats", Shown::with_all, latencystats},
    {"cluster", "Cluster", Shown::by_default, cluster},
    {"keyspace", "Keyspace", Shown::by_default, keyspace},
    {"debug", "Debug", Shown::if_named, debug},
};

Status info_command(Call& call) {
  std::set<std::string> wanted;
  for (size_t i = 1; i < call.arg_count(); ++i) wanted.insert(lower_case(call.arg(i)));
  const bool all = wanted.count("all") > 0 || wanted.count("everything") > 0;
  const bool usual = wanted.empty() || wanted.count("default") > 0;
  Info info{call, ""};
  for (const Section& section : kSections) {
    const bool asked = wanted.count(std::string(section.name)) > 0;
    const bool fits = (all && section.shown != Shown::if_named) ||
                      (usual && section.shown == Shown::by_default);
    if (!fits && !asked) continue;
    if (!info.text.empty()) info.text += "\r\n";
    info.text.append("# ").append(section.title).append("\r\n");
    section.write(info);
  }
  call.reply().verbatim("txt", info.text);
  return Status::ok();
}

constexpr auto kFamily = family({
    {.name = "INFO", .syntax = "[section [section ...]]",
     .summary = "Tells how the server is doing.", .since = "1.0.0", .complexity = "O(1)",
     .group = "server", .arity = at_least(1), .flags = Flag::loading | Flag::stale,
     .acl = Acl::slow | Acl::dangerous, .run = info_command},
});

}  // namespace

std::span<const CommandSpec> info_commands() { return kFamily; }

}  // namespace larder
