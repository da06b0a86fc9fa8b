// Keys that expired or were evicted while somebody waits for their removal (XREADGROUP). Who meets
// one is in the midst of something else, under the shard's lock: the key is noted for the thread's
// dispatcher, which serves the waiter as soon as it holds no lock.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "server/engine/blocking.h"

namespace larder {

struct RemovedKey {
  KeyPlace key;
  std::shared_ptr<Waiter> waiter;  // the first to be served
};

inline thread_local bool any_keys_removed = false;

// Under the lock of the key's shard.
void note_removed_key(Waiters& waiters, const Key& key, unsigned db);
// What was noted by this thread since the last call.
std::vector<RemovedKey> take_removed_keys();

}  // namespace larder
