// Asking the processor for what some keys will need, some time before it is needed: first the
// buckets (a BucketList), in a later pass the entries they point at (an EntryList). The lists are
// filled under the shards' locks, as a table may be split meanwhile.
#pragma once

#include "storage/prefetch_list.h"
#include "storage/store.h"

namespace larder {

template <typename List>
void look_ahead(Shard& shard, uint64_t hash, unsigned db, List& list) REQUIRES(shard.mutex) {
  const Keyspace* keys = shard.find_keyspace(db);
  if (keys != nullptr) keys->table().look_ahead(keys->place_of(hash), list);
}

// Takes the lock for a moment; whoever has it works on the same cache lines, so there is nothing to
// wait for.
template <typename List>
void look_ahead(Store& store, uint64_t hash, unsigned db, List& list) {
  Shard& shard = store.shard_of(hash);
  if (!shard.mutex.try_lock()) return;
  look_ahead(shard, hash, db, list);
  shard.mutex.unlock();
}

}  // namespace larder
