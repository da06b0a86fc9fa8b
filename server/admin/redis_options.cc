// The rows of options known from redis.conf that have no effect here: `planned` ones belong to work
// that is not built yet, `moot` ones have no meaning in this server. Defaults are Redis 7.2's.
#include <algorithm>
#include <array>
#include <climits>
#include <iterator>

#include "server/admin/option_rows.h"

namespace larder {
namespace {

using Kind = OptionKind;

// The process keeps its title, but a template that Redis would refuse is none here.
bool is_title_template(Bytes text) {
  constexpr Bytes kFields[] = {"title", "listen-addr", "server-mode", "port", "tls-port",
                               "unixsocket", "config-file"};
  if (text.empty()) return false;
  for (size_t open = 0; (open = text.find('{', open)) != Bytes::npos;) {
    if (text.substr(open, 2) == "{{") {  // a brace that means itself
      open += 2;
      continue;
    }
    const size_t close = text.find('}', open);
    if (close == Bytes::npos) return false;
    const Bytes name = text.substr(open + 1, close - open - 1);
    if (std::find(std::begin(kFields), std::end(kFields), name) == std::end(kFields)) return false;
    open = close + 1;
  }
  return true;
}

std::string check_title_template(const Options& options, OptionTargets&) {
  if (is_title_template(options.text("proc-title-template"))) return "";
  return "template format is invalid or contains unknown variables";
}

constexpr std::array kRows = std::to_array<OptionSpec>({
    {.name = "active-defrag-cycle-max", .kind = Kind::integer, .standard = "25", .low = 1,
     .high = 99, .standing = Standing::moot},
    {.name = "active-defrag-cycle-min", .kind = Kind::integer, .standard = "1", .low = 1,
     .high = 99, .standing = Standing::moot},
    {.name = "active-defrag-ignore-bytes", .kind = Kind::memory, .standard = "104857600",
     .low = 1, .standing = Standing::moot},
    {.name = "active-defrag-max-scan-fields", .kind = Kind::integer, .standard = "1000", .low = 1,
     .standing = Standing::moot},
    {.name = "active-defrag-threshold-lower", .kind = Kind::integer, .standard = "10", .high = 1000,
     .standing = Standing::moot},
    {.name = "active-defrag-threshold-upper", .kind = Kind::integer, .standard = "100",
     .high = 1000, .standing = Standing::moot},
    {.name = "active-expire-effort", .kind = Kind::integer, .standard = "1", .low = 1, .high = 10,
     .standing = Standing::moot},
    {.name = "activedefrag", .kind = Kind::boolean, .standard = "no", .standing = Standing::moot},
    {.name = "activerehashing", .kind = Kind::boolean, .standard = "yes",
     .standing = Standing::moot},
    {.name = "always-show-logo", .kind = Kind::boolean, .standard = "no",
     .standing = Standing::moot, .fixed = true},
    {.name = "aof-rewrite-cpulist", .alias = "aof_rewrite_cpulist", .standing = Standing::moot,
     .fixed = true},
    {.name = "bgsave-cpulist", .alias = "bgsave_cpulist", .standing = Standing::moot,
     .fixed = true},
    {.name = "bio-cpulist", .alias = "bio_cpulist", .standing = Standing::moot, .fixed = true},
    {.name = "cluster-allow-pubsubshard-when-down", .kind = Kind::boolean, .standard = "yes",
     .standing = Standing::planned},
    {.name = "cluster-allow-reads-when-down", .kind = Kind::boolean, .standard = "no",
     .standing = Standing::planned},
    {.name = "cluster-allow-replica-migration", .kind = Kind::boolean, .standard = "yes",
     .standing = Standing::planned},
    {.name = "cluster-announce-bus-port", .kind = Kind::integer, .standard = "0", .high = 65535,
     .standing = Standing::planned},
    {.name = "cluster-announce-hostname", .standing = Standing::planned},
    {.name = "cluster-announce-human-nodename", .standing = Standing::planned},
    {.name = "cluster-announce-ip", .standing = Standing::planned},
    {.name = "cluster-announce-port", .kind = Kind::integer, .standard = "0", .high = 65535,
     .standing = Standing::planned},
    {.name = "cluster-announce-tls-port", .kind = Kind::integer, .standard = "0", .high = 65535,
     .standing = Standing::planned},
    {.name = "cluster-config-file", .standard = "nodes.conf", .standing = Standing::planned,
     .fixed = true},
    {.name = "cluster-enabled", .kind = Kind::boolean, .standard = "no",
     .standing = Standing::planned, .fixed = true},
    {.name = "cluster-link-sendbuf-limit", .kind = Kind::memory, .standard = "0",
     .standing = Standing::planned},
    {.name = "cluster-migration-barrier", .kind = Kind::integer, .standard = "1", .high = INT_MAX,
     .standing = Standing::planned},
    {.name = "cluster-node-timeout", .kind = Kind::integer, .standard = "15000",
     .standing = Standing::planned},
    {.name = "cluster-port", .kind = Kind::integer, .standard = "0", .high = 65535,
     .standing = Standing::planned, .fixed = true},
    {.name = "cluster-preferred-endpoint-type", .kind = Kind::choice, .standard = "ip",
     .choices = "ip hostname unknown-endpoint", .standing = Standing::planned},
    {.name = "cluster-replica-no-failover", .alias = "cluster-slave-no-failover",
     .kind = Kind::boolean, .standard = "no", .standing = Standing::planned},
    {.name = "cluster-replica-validity-factor", .alias = "cluster-slave-validity-factor",
     .kind = Kind::integer, .standard = "10", .high = INT_MAX, .standing = Standing::planned},
    {.name = "cluster-require-full-coverage", .kind = Kind::boolean, .standard = "yes",
     .standing = Standing::planned},
    {.name = "crash-memcheck-enabled", .kind = Kind::boolean, .standard = "yes",
     .standing = Standing::moot},
    {.name = "disable-thp", .kind = Kind::boolean, .standard = "yes", .standing = Standing::moot,
     .fixed = true},
    {.name = "dynamic-hz", .kind = Kind::boolean, .standard = "yes", .standing = Standing::moot},
    {.name = "enable-module-command", .kind = Kind::choice, .standard = "no",
     .choices = "no yes local", .standing = Standing::planned, .fixed = true},
    {.name = "hz", .kind = Kind::integer, .standard = "10", .high = INT_MAX, .least = 1,
     .most = 500, .standing = Standing::moot},
    {.name = "ignore-warnings", .standing = Standing::moot},
    {.name = "io-threads", .kind = Kind::integer, .standard = "1", .low = 1, .high = 128,
     .standing = Standing::moot, .fixed = true},
    {.name = "io-threads-do-reads", .kind = Kind::boolean, .standard = "no",
     .standing = Standing::moot, .fixed = true},
    {.name = "jemalloc-bg-thread", .kind = Kind::boolean, .standard = "yes",
     .standing = Standing::moot},
    {.name = "loading-process-events-interval-bytes", .kind = Kind::memory,
     .standard = "2097152", .low = 1024, .high = INT_MAX,
     .standing = Standing::moot, .hidden = true},
    {.name = "locale-collate", .standing = Standing::moot},
    {.name = "lua-enable-deprecated-api", .kind = Kind::boolean, .standard = "no",
     .standing = Standing::moot, .fixed = true, .hidden = true},
    {.name = "max-new-connections-per-cycle", .kind = Kind::integer, .standard = "10", .low = 1,
     .high = 1000, .standing = Standing::moot},
    {.name = "max-new-tls-connections-per-cycle", .kind = Kind::integer, .standard = "1", .low = 1,
     .high = 1000, .standing = Standing::moot},
    {.name = "maxmemory-eviction-tenacity", .kind = Kind::integer, .standard = "10", .high = 100,
     .standing = Standing::moot},
    {.name = "proc-title-template", .standard = "{title} {listen-addr} {server-mode}",
     .standing = Standing::moot, .apply = check_title_template},
    {.name = "propagation-error-behavior", .kind = Kind::choice, .standard = "ignore",
     .choices = "ignore panic panic-on-replicas", .standing = Standing::planned},
    // Files of full syncs have no name, a saved file is always synced in pieces, what a sync
    // replaces is always freed aside, payloads are always checked.
    {.name = "rdb-del-sync-files", .kind = Kind::boolean, .standard = "no",
     .standing = Standing::moot},
    {.name = "rdb-save-incremental-fsync", .kind = Kind::boolean, .standard = "yes",
     .standing = Standing::moot},
    {.name = "replica-lazy-flush", .alias = "slave-lazy-flush", .kind = Kind::boolean,
     .standard = "no", .standing = Standing::moot},
    {.name = "sanitize-dump-payload", .kind = Kind::choice, .standard = "no",
     .choices = "no yes clients", .standing = Standing::moot},
    {.name = "server-cpulist", .alias = "server_cpulist", .standing = Standing::moot,
     .fixed = true},
    {.name = "set-proc-title", .kind = Kind::boolean, .standard = "yes",
     .standing = Standing::moot, .fixed = true},
    {.name = "socket-mark-id", .kind = Kind::integer, .standard = "0", .high = UINT_MAX,
     .standing = Standing::moot, .fixed = true},
    {.name = "syslog-enabled", .kind = Kind::boolean, .standard = "no",
     .standing = Standing::planned, .fixed = true},
    {.name = "syslog-facility", .kind = Kind::choice, .standard = "local0",
     .choices = "user local0 local1 local2 local3 local4 local5 local6 local7",
     .standing = Standing::planned, .fixed = true},
    {.name = "syslog-ident", .standard = "redis", .standing = Standing::planned, .fixed = true},
    {.name = "tls-cluster", .kind = Kind::boolean, .standard = "no", .standing = Standing::planned},
    {.name = "use-exit-on-panic", .kind = Kind::boolean, .standard = "no",
     .standing = Standing::moot, .hidden = true},
    {.name = "watchdog-period", .kind = Kind::integer, .standard = "0", .high = INT_MAX,
     .standing = Standing::moot, .hidden = true},
});

}  // namespace

std::span<const OptionSpec> redis_options() { return kRows; }

}  // namespace larder
