// The rows of the options that work.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/duration.h"
#include "server/admin/crash_report.h"
#include "server/admin/log.h"
#include "server/admin/machine.h"
#include "server/admin/oom_score.h"
#include "server/admin/option_rows.h"
#include "server/admin/option_values.h"
#include "server/admin/process_title.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/activity.h"
#include "server/engine/listeners.h"
#include "server/engine/services.h"
#include "server/replication/settings.h"
#include "storage/eviction/registry.h"
#include "storage/lazy_free.h"
#include "storage/rdb/format.h"
#include "storage/store.h"
#include "storage/ttl_rules.h"

namespace larder {
namespace {

using Kind = OptionKind;
using In = OptionSection;

void apply_tracking_of_use(const Options& options, OptionTargets& to) {
  const std::string& policy = options.text("maxmemory-policy");
  const bool by_use = policy.ends_with("-lru") || policy.ends_with("-lfu");
  to.settings.tracks_use.store(by_use && options.bytes("maxmemory") != 0);
}

// A percentage is one of maxmemory.
std::string apply_clients_limit(const Options& options, OptionTargets& to) {
  const std::string& text = options.text("maxmemory-clients");
  int64_t bytes = options.integer("maxmemory-clients");
  if (text.ends_with('%')) bytes = options.bytes("maxmemory") / 100 * std::stoll(text);
  // Less would send away whoever comes to set it higher.
  constexpr int64_t kLeastBytes = 128 * 1024;
  to.settings.clients_bytes_max.store(bytes > 0 ? std::max(bytes, kLeastBytes) : 0);
  return "";
}

std::string apply_port(const Options& options, OptionTargets& to) {
  apply_replication_ports(options, to);
  return listen_again(options, to);
}

// At the start the value was lowered to what is possible; later it is refused.
std::string apply_clients_max(const Options& options, OptionTargets& to) {
  const int64_t wanted = options.integer("maxclients");
  const auto threads = static_cast<unsigned>(options.integer("threads"));
  const DescriptorPlan plan = reserve_descriptors(wanted, threads == 0 ? usable_cores() : threads);
  if (plan.clients_max < wanted) {
    return "The operating system is not able to handle the specified number of clients, try with " +
           std::to_string(plan.clients_max);
  }
  to.settings.clients_max.store(wanted);
  return "";
}

std::string apply_bind(const Options& options, OptionTargets& to) {
  if (!to.listen_again || to.listen_again(options).empty()) return "";
  return "Failed to bind to specified addresses.";
}

std::string apply_title(const Options& options, OptionTargets& to) {
  if (!to.title.text(options)) {
    return "template format is invalid or contains unknown variables";
  }
  to.title.show(options);
  return "";
}

std::string apply_policy(const Options& options, OptionTargets& to) {
  const EvictionPolicyInfo* policy = find_eviction_policy(options.text("maxmemory-policy"));
  if (policy == nullptr) return "there is no such policy";
  constexpr int64_t kSamplesMax = 64;  // looked at under a lock
  const int64_t samples = std::min(options.integer("maxmemory-samples"), kSamplesMax);
  const auto number = [&](Bytes name) { return static_cast<unsigned>(options.integer(name)); };
  to.store.set_eviction_policy(
      *policy, {.samples = static_cast<unsigned>(samples),
                .goal = options.text("eviction-goal") == "bytes" ? EvictionGoal::bytes
                                                                 : EvictionGoal::objects,
                .lfu_log_factor = number("lfu-log-factor"),
                .lfu_decay_minutes = number("lfu-decay-time")});
  apply_tracking_of_use(options, to);
  return "";
}

// The policy may follow from the limit.
std::string apply_memory_limit(const Options& options, OptionTargets& to) {
  to.store.set_memory_limit(options.bytes("maxmemory"));
  (void)apply_clients_limit(options, to);
  return apply_policy(options, to);
}

std::string apply_output_limits(const Options& options, OptionTargets& to) {
  const std::vector<std::string> words = options.words("client-output-buffer-limit");
  const auto store = [&](LiveSettings::OutputLimit& limit, size_t at) {
    limit.hard_bytes.store(drawn_bytes(words[at + 1]));
    limit.soft_bytes.store(drawn_bytes(words[at + 2]));
    limit.soft_seconds.store(std::stoll(words[at + 3]));
  };
  store(to.settings.output_limit, 0);
  store(to.settings.output_limit_replica, 4);
  // Less than the backlog makes no sense: a replica that comes back is that far behind.
  const int64_t hard = to.settings.output_limit_replica.hard_bytes.load();
  const int64_t backlog = options.integer("repl-backlog-size");
  to.settings.output_limit_replica.hard_bytes.store(hard == 0 ? 0 : std::max(hard, backlog));
  store(to.settings.output_limit_pubsub, 8);
  return "";
}

// "new" events cost every added key a call, so the store tells of them only when they are wanted.
std::string apply_events(const Options& options, OptionTargets& to) {
  const auto classes = parse_event_classes(options.text("notify-keyspace-events"));
  if (!classes) return "invalid event class";
  to.listeners.events.set_classes(*classes);
  to.store.set_tell_added(to.listeners.events.wants(EventClass::added));
  return "";
}

std::string apply_password(const Options& options, OptionTargets& to) {
  to.access.set_default_password(options.text("requirepass"));
  return "";
}

std::string apply_debug(const Options& options, OptionTargets& to) {
  using Debug = LiveSettings::Debug;
  const std::string& text = options.text("enable-debug-command");
  to.settings.debug.store(text == "yes" ? Debug::yes : text == "local" ? Debug::local : Debug::no);
  return "";
}

std::string apply_slow_log(const Options& options, OptionTargets& to) {
  to.settings.slow_us_min.store(options.integer("slowlog-log-slower-than"));
  to.settings.slow_entries_max.store(options.integer("slowlog-max-len"));
  to.slow_log.trim(static_cast<size_t>(options.integer("slowlog-max-len")));
  return "";
}

std::string apply_hash_limits(const Options& options, OptionTargets& to) {
  to.settings.hash_pack_fields_max.store(options.integer("hash-max-listpack-entries"));
  to.settings.hash_pack_bytes_max.store(options.integer("hash-max-listpack-value"));
  return "";
}

std::string apply_stream_limits(const Options& options, OptionTargets& to) {
  to.settings.stream_entries_max.store(options.integer("stream-node-max-entries"));
  to.settings.stream_bytes_max.store(options.integer("stream-node-max-bytes"));
  return "";
}

std::string apply_set_limits(const Options& options, OptionTargets& to) {
  to.settings.set_integers_max.store(options.integer("set-max-intset-entries"));
  to.settings.set_pack_members_max.store(options.integer("set-max-listpack-entries"));
  to.settings.set_pack_bytes_max.store(options.integer("set-max-listpack-value"));
  return "";
}

std::string apply_log_level(const Options& options, OptionTargets& to) {
  to.log.set_level(log_level_of(options.text("loglevel")));
  return "";
}

std::string apply_crash_log(const Options& options, OptionTargets&) {
  options.is_on("crash-log-enabled") ? report_crashes(options.text("logfile"))
                                     : report_no_crashes();
  return "";
}

std::string apply_zset_limits(const Options& options, OptionTargets& to) {
  to.settings.zset_pack_members.store(options.integer("zset-max-listpack-entries"));
  to.settings.zset_pack_member_bytes.store(options.integer("zset-max-listpack-value"));
  return "";
}

std::string apply_lazy_removals(const Options& options, OptionTargets& to) {
  to.settings.lazy_flush.store(options.is_on("lazyfree-lazy-user-flush"));
  set_lazy(Removal::user, options.is_on("lazyfree-lazy-user-del"));
  set_lazy(Removal::server, options.is_on("lazyfree-lazy-server-del"));
  set_lazy(Removal::expiry, options.is_on("lazyfree-lazy-expire"));
  set_lazy(Removal::eviction, options.is_on("lazyfree-lazy-eviction"));
  return "";
}

std::string apply_compression(const Options& options, OptionTargets& to) {
  to.settings.rdb_compression.store(options.is_on("rdbcompression"));
  return "";
}

// The program moves there, as Redis does; the value becomes the whole path.
std::string apply_directory(const Options& options, OptionTargets&) {
  const std::string& path = options.text("dir");
  if (path.empty() || ::chdir(path.c_str()) == 0) return "";
  return std::string("Changing directory: ") + std::strerror(errno);
}

// Options for all keys and rules for some make one set of rules. What can't be parsed was refused
// before.
std::string apply_ttl_rules(const Options& options, OptionTargets& to) {
  TtlRule rest;
  rest.default_ms = parse_duration_ms(options.text("default-ttl")).value_or(0);
  rest.max_ms = parse_duration_ms(options.text("max-ttl")).value_or(0);
  rest.jitter_percent = options.integer("ttl-jitter");
  (void)parse_sliding(options.text("sliding-ttl"), rest.sliding_ms);
  std::vector<TtlRule> rules;
  std::string error = parse_ttl_rules(options.words("ttl-rule"), rest, rules);
  if (!error.empty()) return error;
  const auto all = std::make_shared<const TtlRules>(std::move(rules), rest);
  to.store.set_ttl_rules(all->govern() || all->slide() ? all : nullptr);
  to.settings.ttl_rules_govern.store(all->govern());
  to.settings.ttl_rules_slide.store(all->slide());
  return "";
}

constexpr std::array kRows = std::to_array<OptionSpec>({
    {.name = "bind", .kind = Kind::words, .standard = "* -::*", .section = In::network,
     .summary = "Addresses to listen on; a leading '-' makes an address that is missing no error.",
     .apply = apply_bind},
    {.name = "port", .kind = Kind::integer, .standard = "6379", .section = In::network,
     .summary = "TCP port; 0 listens on no TCP port.", .high = 65535,
     .apply = apply_port},
    {.name = "unixsocket", .section = In::network, .summary = "Path of a Unix socket; empty: none.",
     .fixed = true},
    {.name = "unixsocketperm", .kind = Kind::octal, .standard = "0", .section = In::network,
     .summary = "Permissions of the Unix socket, octal; 0 leaves them to the umask.",
     .fixed = true},
    {.name = "tcp-backlog", .kind = Kind::integer, .standard = "511", .section = In::network,
     .summary = "Length of the queue of connections not accepted yet.", .high = INT_MAX,
     .fixed = true},
    {.name = "threads", .kind = Kind::integer, .standard = "0", .section = In::network,
     .summary = "Worker threads; 0: as many as the cores this process may use.", .high = 256,
     .fixed = true},
    {.name = "protected-mode", .kind = Kind::boolean, .standard = "yes", .section = In::network,
     .summary = "Without a password, serve only clients of this machine.",
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.settings.protected_mode.store(options.is_on("protected-mode"));
       return "";
     }},
    {.name = "tcp-keepalive", .kind = Kind::integer, .standard = "300", .section = In::network,
     .summary = "Seconds between keep-alive probes to silent clients; 0: none.", .high = INT_MAX,
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.settings.keepalive_seconds.store(options.integer("tcp-keepalive"));
       return "";
     }},
    {.name = "timeout", .kind = Kind::integer, .standard = "0", .section = In::clients,
     .summary = "Seconds after which an idle client is disconnected; 0: never.", .high = INT_MAX,
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.settings.idle_seconds_max.store(options.integer("timeout"));
       return "";
     }},
    {.name = "maxclients", .kind = Kind::integer, .standard = "10000", .section = In::clients,
     .summary = "Most clients at a time; one more is told so and disconnected.", .low = 1,
     .high = UINT_MAX, .apply = apply_clients_max},
    {.name = "client-output-buffer-limit", .kind = Kind::buffer_limits,
     .standard = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
     .section = In::clients,
     .summary = "Per class of clients: bytes of unsent replies at which a client is disconnected "
                "at once, bytes and seconds after which it is.",
     .apply = apply_output_limits},
    {.name = "client-query-buffer-limit", .kind = Kind::memory, .standard = "1073741824",
     .section = In::clients, .summary = "Most bytes a client may send ahead of being served.",
     .low = 1024 * 1024, .high = LONG_MAX,
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.settings.query_buffer_max.store(options.integer("client-query-buffer-limit"));
       return "";
     }},
    {.name = "proto-max-bulk-len", .kind = Kind::memory, .standard = "536870912",
     .section = In::clients,
     .summary = "Longest argument and longest string value, bytes; more than 4095 MiB count as "
                "that.",
     .low = 1024 * 1024, .high = LONG_MAX,
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       constexpr int64_t kMost = int64_t{4095} << 20;  // values have lengths of 32 bits
       to.settings.bulk_bytes_max.store(std::min(options.integer("proto-max-bulk-len"), kMost));
       return "";
     }},
    {.name = "maxmemory", .kind = Kind::machine_share, .standard = "0", .section = In::memory,
     .summary = "Most bytes of data, or a percentage of the container's or machine's memory; 0: "
                "no limit. Not set at all, it is three quarters of the container's memory limit "
                "where there is one.",
     .apply = apply_memory_limit},
    {.name = "maxmemory-clients", .kind = Kind::memory_share, .standard = "0",
     .section = In::memory,
     .summary = "Most bytes of all clients' buffers, or a percentage of maxmemory; beyond it the "
                "clients that hold most are disconnected. 0: no limit.",
     .apply = apply_clients_limit},
    {.name = "maxmemory-policy", .kind = Kind::choice, .standard = "noeviction",
     .section = In::memory,
     .summary = "Which keys make room when maxmemory is reached. With a limit and no policy named: "
                "allkeys-adaptive.",
     .choices = "volatile-lru volatile-lfu volatile-random volatile-ttl allkeys-lru allkeys-lfu "
                "allkeys-random noeviction adaptive allkeys-adaptive volatile-adaptive "
                "allkeys-arc volatile-arc allkeys-clock volatile-clock allkeys-fifo "
                "volatile-fifo allkeys-gdsf volatile-gdsf allkeys-s3fifo volatile-s3fifo "
                "allkeys-sieve volatile-sieve allkeys-slru volatile-slru allkeys-tlru "
                "volatile-tlru allkeys-wtinylfu volatile-wtinylfu",
     .apply = apply_policy},
    {.name = "lfu-log-factor", .kind = Kind::integer, .standard = "10", .section = In::memory,
     .summary = "How much harder a use counts, the more there were, with an LFU policy.",
     .high = INT_MAX, .apply = apply_policy},
    {.name = "lfu-decay-time", .kind = Kind::integer, .standard = "1", .section = In::memory,
     .summary = "Minutes after which an unused key's count falls by one; 0: never.",
     .high = INT_MAX, .apply = apply_policy},
    {.name = "eviction-goal", .kind = Kind::choice, .standard = "objects", .section = In::memory,
     .summary = "What a policy that weighs sizes aims at: most requests served, or most bytes.",
     .choices = "objects bytes", .apply = apply_policy},
    {.name = "maxmemory-samples", .kind = Kind::integer, .standard = "5", .section = In::memory,
     .summary = "Keys looked at to choose a victim; more than 64 are taken for 64.", .low = 1,
     .high = INT_MAX,
     .apply = apply_policy},
    {.name = "huge-pages", .kind = Kind::boolean, .standard = "yes", .section = In::memory,
     .summary = "Keep keys and values in huge pages of the processor where the system has them.",
     .fixed = true},
    {.name = "default-ttl", .kind = Kind::duration, .standard = "0", .section = In::memory,
     .summary = "How long a key lives that is written without a life of its own (SET without EX, "
                "the first HSET): seconds or 15m, 2h, 1d; 0: for good. PERSIST is obeyed.",
     .apply = apply_ttl_rules},
    {.name = "max-ttl", .kind = Kind::duration, .standard = "0", .section = In::memory,
     .summary = "No key is given a longer life than this, whatever a client asks for, nor lives "
                "for good; 0: no bound.",
     .apply = apply_ttl_rules},
    {.name = "ttl-jitter", .kind = Kind::integer, .standard = "0", .section = In::memory,
     .summary = "Every life that is given is shortened by a random share of up to this many per "
                "cent, so that keys written together do not end together.",
     .high = 100, .apply = apply_ttl_rules},
    {.name = "sliding-ttl", .kind = Kind::sliding, .standard = "no", .section = In::memory,
     .summary = "A read makes the life left of a key that has one at least this long; yes: as long "
                "as default-ttl or else max-ttl.",
     .apply = apply_ttl_rules},
    {.name = "ttl-rule", .kind = Kind::ttl_rules, .section = In::memory,
     .summary = "The same for keys that match a pattern: session:* default=30m max=1d jitter=10 "
                "sliding=yes. Several lines are several rules, of which the first that matches "
                "holds; what it does not name is as the four options above say.",
     .apply = apply_ttl_rules},
    {.name = "hash-max-listpack-entries", .alias = "hash-max-ziplist-entries",
     .kind = Kind::integer, .standard = "512", .section = In::memory,
     .summary = "Most fields of a hash that is kept in one piece.", .apply = apply_hash_limits},
    {.name = "hash-max-listpack-value", .alias = "hash-max-ziplist-value", .kind = Kind::memory,
     .standard = "64", .section = In::memory,
     .summary = "Longest field or value, bytes, of a hash that is kept in one piece.",
     .apply = apply_hash_limits},
    {.name = "stream-node-max-entries", .kind = Kind::integer, .standard = "100",
     .section = In::memory, .summary = "Most entries of a stream's block; 0: no limit.",
     .apply = apply_stream_limits},
    {.name = "stream-node-max-bytes", .kind = Kind::memory, .standard = "4096",
     .section = In::memory, .summary = "Most bytes of a stream's block; 0: no limit.",
     .apply = apply_stream_limits},
    {.name = "set-max-intset-entries", .kind = Kind::integer, .standard = "512",
     .section = In::memory,
     .summary = "Most members of a set of integers that is kept as a sorted run.",
     .apply = apply_set_limits},
    {.name = "set-max-listpack-entries", .kind = Kind::integer, .standard = "128",
     .section = In::memory, .summary = "Most members of a set that is kept in one piece.",
     .apply = apply_set_limits},
    {.name = "set-max-listpack-value", .kind = Kind::integer, .standard = "64",
     .section = In::memory,
     .summary = "Longest member, bytes, of a set that is kept in one piece.",
     .apply = apply_set_limits},
    {.name = "hll-sparse-max-bytes", .kind = Kind::memory, .standard = "3000",
     .section = In::memory, .summary = "Most bytes of a HyperLogLog that is kept sparse.",
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.settings.hll_sparse_bytes_max.store(options.integer("hll-sparse-max-bytes"));
       return "";
     }},
    {.name = "list-max-listpack-size", .alias = "list-max-ziplist-size", .kind = Kind::integer,
     .standard = "-2", .section = In::memory,
     .summary = "Size of a block of a list: elements, or -1 to -5 for 4, 8, 16, 32 or 64 KiB.",
     .low = INT_MIN, .high = INT_MAX,
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.settings.list_max_listpack_size.store(options.integer("list-max-listpack-size"));
       return "";
     }},
    {.name = "list-compress-depth", .kind = Kind::integer, .standard = "0", .section = In::memory,
     .summary = "Blocks at each end of a list that are never compressed; those between them are "
                "when it saves an eighth. 0: two; above 64: nothing is compressed.",
     .high = INT_MAX,
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.settings.list_compress_depth.store(options.integer("list-compress-depth"));
       return "";
     }},
    {.name = "zset-max-listpack-entries", .alias = "zset-max-ziplist-entries",
     .kind = Kind::integer, .standard = "128", .section = In::memory,
     .summary = "Members up to which a sorted set is kept in one piece.",
     .apply = apply_zset_limits},
    {.name = "zset-max-listpack-value", .alias = "zset-max-ziplist-value", .kind = Kind::memory,
     .standard = "64", .section = In::memory,
     .summary = "Longest member, in bytes, of a sorted set kept in one piece.",
     .apply = apply_zset_limits},
    {.name = "lazyfree-lazy-user-flush", .kind = Kind::boolean, .standard = "no",
     .section = In::memory,
     .summary = "FLUSHALL and FLUSHDB alone mean ASYNC: INFO counts what they free.",
     .apply = apply_lazy_removals},
    {.name = "lazyfree-lazy-user-del", .kind = Kind::boolean, .standard = "no",
     .section = In::memory,
     .summary = "DEL is UNLINK: INFO counts what it frees.", .apply = apply_lazy_removals},
    {.name = "lazyfree-lazy-server-del", .kind = Kind::boolean, .standard = "no",
     .section = In::memory,
     .summary = "The same for values that a command replaces or leaves none of; replicas hear "
                "UNLINK instead of DEL.",
     .apply = apply_lazy_removals},
    {.name = "lazyfree-lazy-expire", .kind = Kind::boolean, .standard = "no",
     .section = In::memory, .summary = "The same for what expires.",
     .apply = apply_lazy_removals},
    {.name = "lazyfree-lazy-eviction", .kind = Kind::boolean, .standard = "no",
     .section = In::memory, .summary = "The same for what is evicted.",
     .apply = apply_lazy_removals},
    {.name = "requirepass", .section = In::security,
     .summary = "Password of the user \"default\"; empty: none is asked for.",
     .apply = apply_password},
    {.name = "aclfile", .section = In::security,
     .summary = "File of the users, read at start and by ACL LOAD, written by ACL SAVE; empty: "
                "users are `user` lines of this file.",
     .fixed = true},
    {.name = "acl-pubsub-default", .kind = Kind::choice, .standard = "resetchannels",
     .section = In::security, .summary = "Whether a new user may use every channel or none.",
     .choices = "allchannels resetchannels",
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.access.channels_open.store(options.text("acl-pubsub-default") == "allchannels");
       return "";
     }},
    {.name = "acllog-max-len", .kind = Kind::integer, .standard = "128",
     .section = In::security, .summary = "Length of ACL LOG.",
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.access.log_entries_max.store(options.integer("acllog-max-len"));
       return "";
     }},
    {.name = "enable-debug-command", .kind = Kind::choice, .standard = "no",
     .section = In::security, .summary = "Who may use DEBUG: nobody, clients of this machine, all.",
     .choices = "no yes local", .fixed = true, .apply = apply_debug},
    {.name = "enable-protected-configs", .kind = Kind::choice, .standard = "no",
     .section = In::security, .summary = "Who may change protected options with CONFIG SET.",
     .choices = "no yes local", .fixed = true},
    {.name = "databases", .kind = Kind::integer, .standard = "16", .section = In::general,
     .summary = "Number of databases.", .low = 1, .high = kDatabasesMax, .fixed = true},
    {.name = "daemonize", .kind = Kind::boolean, .standard = "no", .section = In::general,
     .summary = "Go on in the background.", .fixed = true},
    {.name = "supervised", .kind = Kind::choice, .standard = "no", .section = In::general,
     .summary = "Tell systemd when the server is ready and when it stops.",
     .choices = "no upstart systemd auto", .fixed = true},
    {.name = "dir", .standard = "", .section = In::persistence,
     .summary = "Folder of all files; the program works there. Empty: where it was started.",
     .guarded = true, .loaded_from = true, .apply = apply_directory},
    {.name = "dbfilename", .standard = "dump.rdb", .section = In::persistence,
     .summary = "Name of the RDB file, which is loaded at the start.", .guarded = true,
     .file_name = true},
    {.name = "save", .kind = Kind::save_points, .standard = "3600 1 300 100 60 10000",
     .section = In::persistence,
     .summary = "Save when so many seconds have passed and so many changes were made, and at the "
                "end; empty: never."},
    {.name = "rdbcompression", .kind = Kind::boolean, .standard = "yes",
     .section = In::persistence, .summary = "Compress strings in RDB files and DUMP.",
     .apply = apply_compression},
    {.name = "rdb-version", .kind = Kind::integer, .standard = "10", .section = In::persistence,
     .summary = "Version of the RDB format that saved files have. Redis 7.0 reads 10. From 11 "
                "(7.2) on a stream's consumers keep when they last got something, 12 is 7.4's. A "
                "file with a value that needs a newer one has that.",
     .low = kRdbVersion, .high = kRdbVersionMax},
    {.name = "rdbchecksum", .kind = Kind::boolean, .standard = "yes", .section = In::persistence,
     .summary = "Write a checksum at the end of RDB files, and compare it when loading.",
     .fixed = true},
    {.name = "stop-writes-on-bgsave-error", .kind = Kind::boolean, .standard = "yes",
     .section = In::persistence,
     .summary = "Take no writes while the last save failed, if there are save points."},
    {.name = "rdb-key-save-delay", .kind = Kind::integer, .standard = "0",
     .section = In::persistence, .summary = "Microseconds to rest after each saved key; for tests.",
     .low = INT_MIN, .high = INT_MAX, .hidden = true},
    {.name = "key-load-delay", .kind = Kind::integer, .standard = "0",
     .section = In::persistence,
     .summary = "Microseconds to rest after each loaded key; below 0, 1 us each so many keys; for "
                "tests.",
     .low = INT_MIN, .high = INT_MAX, .hidden = true},
    {.name = "oom-score-adj", .kind = Kind::choice, .standard = "no", .section = In::general,
     .summary = "Tell the system's out-of-memory killer how likely a victim this process is: a "
                "score over the one it has (relative, yes), or as it is (absolute).",
     .choices = "no yes relative absolute", .apply = apply_oom_score},
    {.name = "oom-score-adj-values", .kind = Kind::oom_scores, .standard = "0 200 800",
     .section = In::general,
     .summary = "The scores of a primary, a replica and a child, of which there is none.",
     .apply = apply_oom_score},
    {.name = "pidfile", .section = In::general, .summary = "File to write the process id to.",
     .fixed = true},
    {.name = "set-proc-title", .kind = Kind::boolean, .standard = "yes", .section = In::general,
     .summary = "The process shows a title in place of its command line, as in ps.",
     .fixed = true},
    {.name = "proc-title-template", .standard = "{title} {listen-addr} {server-mode}",
     .section = In::general,
     .summary = "The title: {title} is the program as it was called; also {listen-addr}, {port}, "
                "{tls-port}, {unixsocket}, {config-file}, and {server-mode}, which is empty.",
     .apply = apply_title},
    {.name = "loglevel", .kind = Kind::choice, .standard = "notice", .section = In::logging,
     .summary = "The least important lines that are logged.",
     .choices = "debug verbose notice warning nothing", .apply = apply_log_level},
    {.name = "logfile", .section = In::logging,
     .summary = "File to log to, opened again on SIGHUP; empty: stderr.", .fixed = true},
    {.name = "crash-log-enabled", .kind = Kind::boolean, .standard = "yes", .section = In::logging,
     .summary = "Log which signal the program died of, and the calls that led to it.",
     .apply = apply_crash_log},
    {.name = "log-format", .kind = Kind::choice, .standard = "text", .section = In::logging,
     .summary = "Form of the log's lines.", .choices = "text json", .fixed = true},
    {.name = "slowlog-log-slower-than", .alias = "commandlog-execution-slower-than",
     .kind = Kind::integer, .standard = "10000",
     .section = In::monitoring,
     .summary = "Microseconds from which on a command is put into the slow log; negative: none.",
     .low = -1, .apply = apply_slow_log},
    {.name = "slowlog-max-len", .alias = "commandlog-slow-execution-max-len",
     .kind = Kind::integer, .standard = "128", .section = In::monitoring,
     .summary = "Length of the slow log.", .apply = apply_slow_log},
    {.name = "busy-reply-threshold", .alias = "lua-time-limit", .kind = Kind::integer,
     .standard = "5000", .section = In::general,
     .summary = "Milliseconds from which on a script makes others answer BUSY.",
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.settings.busy_script_ms.store(options.integer("busy-reply-threshold"));
       return "";
     }},
    {.name = "script-maxmemory", .kind = Kind::memory, .standard = "0", .section = In::memory,
     .summary = "Bytes that scripts may use inside their interpreter; 0: a quarter of what the "
                "machine or container has. A script that wants more gets an error.",
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       const int64_t bytes = options.integer("script-maxmemory");
       to.settings.script_bytes_max.store(bytes != 0 ? bytes : script_memory_max());
       return "";
     }},
    {.name = "latency-monitor-threshold", .kind = Kind::integer, .standard = "0",
     .section = In::monitoring,
     .summary = "Milliseconds from which on an event counts as a latency spike; 0: off.",
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.settings.latency_ms_min.store(options.integer("latency-monitor-threshold"));
       return "";
     }},
    {.name = "notify-keyspace-events", .kind = Kind::event_classes, .section = In::monitoring,
     .summary = "Which changes of keys are published: K by key, E by event, and classes of events, "
                "A for most; empty: none.",
     .apply = apply_events},
    {.name = "tracking-table-max-keys", .kind = Kind::integer, .standard = "1000000",
     .section = In::memory,
     .summary = "Most keys that are remembered for client-side caching; beyond it clients are told "
                "to drop some. 0: no limit.",
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.listeners.tracking.set_keys_max(
           static_cast<uint64_t>(options.integer("tracking-table-max-keys")));
       return "";
     }},
    {.name = "latency-tracking", .kind = Kind::boolean, .standard = "yes",
     .section = In::monitoring, .summary = "Keep a latency histogram for each command.",
     .apply = [](const Options& options, OptionTargets& to) -> std::string {
       to.settings.latency_tracking.store(options.is_on("latency-tracking"));
       return "";
     }},
    {.name = "latency-tracking-info-percentiles", .kind = Kind::percentiles,
     .standard = "50 99 99.9", .section = In::monitoring,
     .summary = "Percentiles that INFO latencystats shows."},
});

}  // namespace

std::span<const OptionSpec> working_options() { return kRows; }

std::span<const OptionSpec> option_table() {
  static const std::vector<OptionSpec> table = [] {
    std::vector<OptionSpec> rows(kRows.begin(), kRows.end());
    for (const auto more : {tls_options(), append_only_options(), replication_options(),
                            redis_options()}) {
      rows.insert(rows.end(), more.begin(), more.end());
    }
    return rows;
  }();
  return table;
}

}  // namespace larder
