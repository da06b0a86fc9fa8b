#include "storage/shard_lock.h"

namespace larder {
namespace {

constexpr unsigned kNone = ~0U;

// Takes the locks of all but `held`, which the caller has. Returns the first that is not free, and
// then none is held any more, or kNone.
unsigned try_to_lock(Store& store, const ShardSet& set, unsigned held) NO_THREAD_SAFETY_ANALYSIS {
  unsigned busy = kNone;
  (void)set.all([&](unsigned shard) NO_THREAD_SAFETY_ANALYSIS {
    if (shard == held || store.shard(shard).mutex.try_lock_briefly()) return true;
    busy = shard;
    return false;
  });
  if (busy == kNone) return kNone;
  (void)set.all([&](unsigned shard) NO_THREAD_SAFETY_ANALYSIS {
    if (shard == busy) return false;
    if (shard != held) store.shard(shard).mutex.unlock();
    return true;
  });
  if (held != kNone) store.shard(held).mutex.unlock();
  return busy;
}

}  // namespace

// The one that was not free is waited for and kept, so that each round gets further.
bool lock_shards(Store& store, const ShardSet& set) NO_THREAD_SAFETY_ANALYSIS {
  unsigned held = kNone;
  while (true) {
    const unsigned busy = try_to_lock(store, set, held);
    if (busy == kNone) return true;
    if (!store.shard(busy).lock()) return false;
    held = busy;
  }
}

void unlock_shards(Store& store, const ShardSet& set) NO_THREAD_SAFETY_ANALYSIS {
  set.each([&](unsigned shard) NO_THREAD_SAFETY_ANALYSIS { store.shard(shard).mutex.unlock(); });
}

ShardSet all_shards(const Store& store) {
  ShardSet set;
  for (unsigned i = 0; i < store.shard_count(); ++i) set.add(i);
  return set;
}

}  // namespace larder
