// The rows of replication's options.
#include <algorithm>
#include <array>
#include <climits>

#include "server/admin/oom_score.h"
#include "server/admin/option_rows.h"
#include "server/replication/settings.h"

namespace larder {
namespace {

using Kind = OptionKind;
using In = OptionSection;
using Acks = ReplicationSettings::Acks;

Acks acks_of(Bytes name) {
  if (name == "one") return Acks::one;
  if (name == "quorum") return Acks::quorum;
  return name == "all" ? Acks::all : Acks::none;
}

// All of them at once: a change tells the replicator, which looks at everything.
std::string apply(const Options& options, OptionTargets& to) {
  ReplicationSettings& settings = to.replication;
  struct Number {
    Bytes name;
    std::atomic<int64_t>& field;
  };
  for (const Number& each : std::initializer_list<Number>{
           {"repl-backlog-size", settings.backlog_bytes},
           {"repl-backlog-ttl", settings.backlog_seconds},
           {"repl-ping-replica-period", settings.ping_seconds},
           {"repl-timeout", settings.timeout_seconds},
           {"repl-diskless-sync-delay", settings.sync_delay_seconds},
           {"repl-diskless-sync-max-replicas", settings.sync_replicas_max},
           {"replica-priority", settings.priority},
           {"replica-announce-port", settings.announce_port},
           {"min-replicas-to-write", settings.replicas_min},
           {"min-replicas-max-lag", settings.lag_seconds_max},
           {"replication-ack-timeout", settings.ack_timeout_ms},
           {"replication-takeover-timeout", settings.takeover_ms},
           {"replication-group-size", settings.group_size}}) {
    each.field.store(options.integer(each.name));
  }
  settings.loads_as_it_comes.store(options.text("repl-diskless-load") == "on-empty-db");
  settings.loads_beside.store(options.text("repl-diskless-load") == "swapdb");
  settings.read_only.store(options.is_on("replica-read-only"));
  settings.serve_stale.store(options.is_on("replica-serve-stale-data"));
  settings.ignore_memory.store(options.is_on("replica-ignore-maxmemory"));
  settings.ignore_disk.store(options.is_on("replica-ignore-disk-write-errors"));
  settings.announced.store(options.is_on("replica-announced"));
  settings.acks.store(acks_of(options.text("replication-ack")));
  settings.change([&](ReplicationSettings::Texts& texts) {
    texts.auth = options.text("masterauth");
    texts.user = options.text("masteruser");
    texts.announce_ip = options.text("replica-announce-ip");
    texts.source = options.text("bind-source-addr");
    texts.folder = options.text("dir");
  });
  apply_replication_ports(options, to);
  settings.tell();
  return "";
}

constexpr std::array kRows = std::to_array<OptionSpec>({
    {.name = "replicaof", .alias = "slaveof", .kind = Kind::peer, .section = In::replication,
     .summary = "Host and port of the primary that this server follows; empty: it is a primary.",
     .fixed = true, .apply = apply_oom_score},
    {.name = "masterauth", .alias = "primaryauth", .section = In::replication,
     .summary = "Password that the primary is told; empty: none.", .apply = apply},
    {.name = "masteruser", .alias = "primaryuser", .section = In::replication,
     .summary = "User that the primary is told with the password; empty: the default one.",
     .apply = apply},
    {.name = "replica-read-only", .alias = "slave-read-only", .kind = Kind::boolean,
     .standard = "yes", .section = In::replication,
     .summary = "A replica refuses its clients' writes.", .apply = apply},
    {.name = "replica-serve-stale-data", .alias = "slave-serve-stale-data", .kind = Kind::boolean,
     .standard = "yes", .section = In::replication,
     .summary = "A replica answers from what it has while it has no link to its primary.",
     .apply = apply},
    {.name = "replica-ignore-disk-write-errors", .kind = Kind::boolean, .standard = "no",
     .section = In::replication,
     .summary = "A replica that can't save what its primary sends goes on; otherwise it ends.",
     .apply = apply},
    {.name = "replica-ignore-maxmemory", .alias = "slave-ignore-maxmemory", .kind = Kind::boolean,
     .standard = "yes", .section = In::replication,
     .summary = "A replica leaves eviction to its primary.", .apply = apply},
    {.name = "replica-priority", .alias = "slave-priority", .kind = Kind::integer,
     .standard = "100", .section = In::replication,
     .summary = "The lowest is promoted first by Sentinel; 0: never.", .high = INT_MAX,
     .apply = apply},
    {.name = "replica-announced", .kind = Kind::boolean, .standard = "yes",
     .section = In::replication, .summary = "Sentinel tells clients of this replica.",
     .apply = apply},
    {.name = "replica-announce-ip", .alias = "slave-announce-ip", .section = In::replication,
     .summary = "Address that the primary is told; empty: the connection's.", .apply = apply},
    {.name = "replica-announce-port", .alias = "slave-announce-port", .kind = Kind::integer,
     .standard = "0", .section = In::replication,
     .summary = "Port that the primary is told; 0: the one that is listened on.", .high = 65535,
     .apply = apply},
    {.name = "bind-source-addr", .section = In::replication,
     .summary = "Address of this machine that the link to the primary is made from, if it can be; "
                "empty: the system chooses.",
     .apply = apply},
    {.name = "repl-backlog-size", .kind = Kind::memory, .standard = "1048576",
     .section = In::replication,
     .summary = "Bytes of the stream that are kept for replicas that come back.", .low = 1,
     .least = 16 * 1024, .apply = apply},
    {.name = "repl-backlog-ttl", .kind = Kind::integer, .standard = "3600",
     .section = In::replication,
     .summary = "Seconds without replicas after which the backlog is given up; 0: never.",
     .apply = apply},
    {.name = "repl-ping-replica-period", .alias = "repl-ping-slave-period", .kind = Kind::integer,
     .standard = "10", .section = In::replication, .summary = "Seconds between pings to replicas.",
     .low = 1, .high = INT_MAX, .apply = apply},
    {.name = "repl-timeout", .kind = Kind::integer, .standard = "60", .section = In::replication,
     .summary = "Seconds of silence after which a link is given up.", .low = 1, .high = INT_MAX,
     .apply = apply},
    {.name = "repl-diskless-sync", .kind = Kind::boolean, .standard = "yes",
     .section = In::replication,
     .summary = "Kept for redis.conf: a full sync never touches a disk here.",
     .standing = Standing::moot},
    {.name = "repl-diskless-sync-delay", .kind = Kind::integer, .standard = "5",
     .section = In::replication,
     .summary = "Seconds that a full sync waits for more replicas to share it.", .high = INT_MAX,
     .apply = apply},
    {.name = "repl-diskless-sync-max-replicas", .kind = Kind::integer, .standard = "0",
     .section = In::replication,
     .summary = "Replicas with which a full sync begins at once; 0: however many come in time.",
     .high = INT_MAX, .apply = apply},
    {.name = "repl-diskless-load", .kind = Kind::choice, .standard = "disabled",
     .section = In::replication,
     .summary = "Whether a replica loads a full sync as it comes: with on-empty-db, one that has "
                "nothing does; with swapdb, beside the old data, which takes the memory of both: "
                "the old data is answered from, if it is of the same stream, until the new takes "
                "its place, and stays if that fails. Otherwise the sync is kept in a file in `dir` "
                "until it is whole, and the old data lives until then.",
     .choices = "disabled on-empty-db swapdb", .apply = apply},
    {.name = "repl-disable-tcp-nodelay", .kind = Kind::boolean, .standard = "no",
     .section = In::replication,
     .summary = "Kept for redis.conf: small parts of the stream are sent together anyway.",
     .standing = Standing::moot},
    {.name = "min-replicas-to-write", .alias = "min-slaves-to-write", .kind = Kind::integer,
     .standard = "0", .section = In::replication,
     .summary = "Writes are refused with fewer replicas than this that are not behind; 0: never.",
     .high = INT_MAX, .apply = apply},
    {.name = "min-replicas-max-lag", .alias = "min-slaves-max-lag", .kind = Kind::integer,
     .standard = "10", .section = In::replication,
     .summary = "Seconds without an acknowledgement from which on a replica is behind.",
     .high = INT_MAX, .apply = apply},
    {.name = "replication-ack", .kind = Kind::choice, .standard = "none",
     .section = In::replication,
     .summary = "How many replicas must have a write before it is answered. Quorum: with this "
                "server more than half of the group.",
     .choices = "none one quorum all", .apply = apply},
    {.name = "replication-ack-timeout", .kind = Kind::integer, .standard = "1000",
     .section = In::replication,
     .summary = "Milliseconds after which a write that waits for replicas is answered by an error.",
     .low = 1, .high = INT_MAX, .apply = apply},
    {.name = "replication-group-size", .kind = Kind::integer, .standard = "0",
     .section = In::replication,
     .summary = "Servers of the group, this one included, for replication-ack; 0: this one and the "
                "most replicas that were there at once, and three for a replica that is to lead.",
     .high = 1024, .apply = apply},
    {.name = "replication-takeover-timeout", .kind = Kind::integer, .standard = "10000",
     .section = In::replication,
     .summary = "Milliseconds that a replica which is to lead waits for others of the group, as "
                "they may have writes that were answered with replication-ack and that it lacks; "
                "meanwhile it refuses writes. 0: it leads at once.",
     .high = INT_MAX, .apply = apply},
    {.name = "shutdown-on-sigint", .kind = Kind::choices_list, .standard = "default",
     .section = In::replication,
     .summary = "What a SIGINT asks for besides ending. The next one ends the server at once.",
     .choices = "default save nosave now force"},
    {.name = "shutdown-on-sigterm", .kind = Kind::choices_list, .standard = "default",
     .section = In::replication,
     .summary = "What a SIGTERM asks for besides ending: SHUTDOWN's words. Failover: a replica "
                "takes over first.",
     .choices = "default save nosave now force failover"},
    {.name = "shutdown-timeout", .kind = Kind::integer, .standard = "10",
     .section = In::replication,
     .summary = "Most seconds that an ending server waits for replicas to have everything.",
     .high = INT_MAX, .apply = apply},
});

}  // namespace

void apply_replication_ports(const Options& options, OptionTargets& to) {
  const bool secure = options.is_on("tls-replication");
  const int64_t tls_port = options.integer("tls-port");
  to.replication.secure.store(secure);
  to.replication.port.store(secure && tls_port != 0 ? tls_port : options.integer("port"));
}

std::span<const OptionSpec> replication_options() { return kRows; }

}  // namespace larder
