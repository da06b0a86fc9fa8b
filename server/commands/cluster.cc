// CLUSTER and what belongs to it: known, so that clients are told what Redis tells them, but this
// server is never part of a cluster.
// Source: https://redis.io/commands/?group=cluster
#include "server/commands/families.h"
#include "server/engine/answers.h"

namespace larder {
namespace {

Status no_cluster(Call&) {
  return Status::error("ERR This instance has cluster support disabled");
}

constexpr Flag kAdmin = Flag::admin | Flag::stale;
constexpr Flag kChange = kAdmin | Flag::no_async_loading;
constexpr const char* kPerSlot = "O(N) where N is the number of slots";
constexpr const char* kPerNode = "O(N) where N is the number of nodes";
constexpr const char* kFast = "O(1)";

constexpr CommandSpec part(Bytes name, Bytes syntax, Bytes summary, Bytes since, Bytes complexity,
                           int arity, Flag flags = Flag::stale) {
  const Acl acl = has(flags, Flag::admin) ? Acl::admin | Acl::slow | Acl::dangerous : Acl::slow;
  return {.name = name, .syntax = syntax, .summary = summary, .since = since,
          .complexity = complexity, .group = "cluster", .arity = arity, .flags = flags,
          .acl = acl, .run = no_cluster};
}

constexpr CommandSpec replaced(CommandSpec card, Bytes since, Bytes by) {
  card.deprecated_since = since;
  card.replaced_by = by;
  return card;
}

constexpr auto kParts = family({
    part("ADDSLOTS", "slot [slot ...]", "Gives slots to the node.", "3.0.0", kPerSlot,
         at_least(3), kChange),
    part("ADDSLOTSRANGE", "start-slot end-slot [start-slot end-slot ...]",
         "Gives ranges of slots to the node.", "7.0.0", kPerSlot, at_least(4), kChange),
    part("BUMPEPOCH", "", "Advances the epoch of the cluster.", "3.0.0", kFast, exactly(2),
         kChange),
    part("COUNT-FAILURE-REPORTS", "node-id", "Counts the reports that a node has failed.",
         "3.0.0", "O(N) where N is the number of reports", exactly(3), kAdmin),
    part("COUNTKEYSINSLOT", "slot", "Counts the keys of a slot.", "3.0.0", kFast, exactly(3)),
    part("DELSLOTS", "slot [slot ...]", "Takes slots from the node.", "3.0.0", kPerSlot,
         at_least(3), kChange),
    part("DELSLOTSRANGE", "start-slot end-slot [start-slot end-slot ...]",
         "Takes ranges of slots from the node.", "7.0.0", kPerSlot, at_least(4), kChange),
    part("FAILOVER", "[FORCE | TAKEOVER]", "Lets a replica take over.", "3.0.0", kFast,
         at_least(2), kChange),
    part("FLUSHSLOTS", "", "Takes all slots from the node.", "3.0.0", kFast, exactly(2), kChange),
    part("FORGET", "node-id", "Removes a node from what the node knows.", "3.0.0", kFast,
         exactly(3), kChange),
    part("GETKEYSINSLOT", "slot count", "Tells names of keys of a slot.", "3.0.0",
         "O(N) where N is the number of keys asked for", exactly(4)),
    part("HELP", "", "Explains the sub-commands.", "5.0.0", kFast, exactly(2),
         Flag::loading | Flag::stale),
    part("INFO", "", "Tells how the cluster is doing.", "3.0.0", kFast, exactly(2)),
    part("KEYSLOT", "key", "Tells the slot of a key.", "3.0.0",
         "O(N) where N is the length of the key", exactly(3)),
    part("LINKS", "", "Lists the connections between nodes.", "7.0.0", kPerNode, exactly(2)),
    part("MEET", "ip port [cluster-bus-port]", "Makes nodes know each other.", "3.0.0", kFast,
         at_least(4), kChange),
    part("MYID", "", "Tells the id of the node.", "3.0.0", kFast, exactly(2)),
    part("MYSHARDID", "", "Tells the id of the node's shard.", "7.2.0", kFast, exactly(2)),
    part("NODES", "", "Lists the nodes.", "3.0.0", kPerNode, exactly(2)),
    part("REPLICAS", "node-id", "Lists the replicas of a node.", "5.0.0", kPerNode, exactly(3),
         kAdmin),
    part("REPLICATE", "node-id", "Makes the node a replica.", "3.0.0", kFast, exactly(3),
         kChange),
    part("RESET", "[HARD | SOFT]", "Makes the node leave the cluster.", "3.0.0", kPerNode,
         at_least(2), kAdmin | Flag::noscript),
    part("SAVECONFIG", "", "Writes what the node knows to its file.", "3.0.0", kFast, exactly(2),
         kChange),
    part("SET-CONFIG-EPOCH", "config-epoch", "Sets the epoch of a new node.", "3.0.0", kFast,
         exactly(3), kChange),
    part("SETSLOT", "slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>",
         "Says which node a slot belongs to.", "3.0.0", kFast, at_least(4), kChange),
    part("SHARDS", "", "Lists slots and nodes by shard.", "7.0.0", kPerNode, exactly(2)),
    replaced(part("SLAVES", "node-id", "Lists the replicas of a node.", "3.0.0", kPerNode,
                  exactly(3), kAdmin),
             "5.0.0", "`CLUSTER REPLICAS`"),
    replaced(part("SLOTS", "", "Lists slots and their nodes.", "3.0.0", kPerNode, exactly(2)),
             "7.0.0", "`CLUSTER SHARDS`"),
});

constexpr CommandSpec single(Bytes name, Bytes summary, Flag flags) {
  return {.name = name, .syntax = "", .summary = summary, .since = "3.0.0", .complexity = "O(1)",
          .group = "cluster", .arity = exactly(1), .flags = flags,
          .acl = Acl::fast | Acl::connection, .run = no_cluster};
}

constexpr Flag kOpen = Flag::loading | Flag::stale | Flag::fast;

constexpr auto kFamily = family({
    single("READONLY", "Allows reads from a cluster replica.", kOpen),
    single("READWRITE", "Ends what READONLY allowed.", kOpen),
    single("ASKING", "Announces a request that follows a redirection.", Flag::fast),
    container_card("CLUSTER", "A container for commands about the cluster.", "3.0.0", "cluster",
                   kParts),
});

}  // namespace

std::span<const CommandSpec> cluster_commands() { return kFamily; }

}  // namespace larder
