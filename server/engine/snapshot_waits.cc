#include "server/engine/snapshot_waits.h"

#include <algorithm>
#include <vector>

#include "server/engine/dispatcher.h"
#include "server/engine/key_uses.h"
#include "server/engine/transactions.h"
#include "storage/snapshot.h"

namespace larder {
namespace {

bool changes_waiting_key(Store& store, unsigned db, const Command& command,
                         std::span<const Bytes> args) {
  if (!has(command.spec->flags, Flag::write)) return false;
  std::vector<size_t> keys;
  if (!find_keys(*command.spec, args, keys)) return false;
  return std::any_of(keys.begin(), keys.end(), [&](size_t key) {
    return StoreSnapshot::must_wait(store, Key::of(args[key]), db);
  });
}

}  // namespace

bool must_wait_for_snapshot(Store& store, const Session& session, const Command& command,
                            std::span<const Bytes> args) {
  if (has(command.spec->flags, Flag::runs_queue) && session.transaction != nullptr) {
    const auto& queue = session.transaction->queue;
    return std::any_of(queue.begin(), queue.end(), [&](const KeptRequest& request) {
      return changes_waiting_key(store, session.db, *request.command, request.args);
    });
  }
  return changes_waiting_key(store, session.db, command, args);
}

void write_ahead_of_changes(Store& store, unsigned db, const Command& command,
                            std::span<const Bytes> args) NO_THREAD_SAFETY_ANALYSIS {
  if (!has(command.spec->flags, Flag::write)) return;
  std::vector<size_t> keys;
  if (!find_keys(*command.spec, args, keys)) return;
  for (const size_t index : keys) {
    const Key key = Key::of(args[index]);
    Shard& shard = store.shard_of(key.hash);
    Keyspace* keyspace = shard.find_keyspace(db);
    if (shard.services.snapshot == nullptr || keyspace == nullptr) continue;
    if (const Item item = keyspace->find(key)) {
      shard.services.snapshot->before_change(*keyspace, item.entry());
    }
  }
}

}  // namespace larder
