// Asking the processor for what a key will need, some time before it is needed. Each takes the
// shard's lock for a moment, as a table may be split meanwhile; whoever has it works on the same
// cache lines, so there is nothing to wait for.
#pragma once

#include "storage/store.h"

namespace larder {

// Calls fetch(table, place) with the key's table, if there is one.
template <typename Fetch>
void prefetch(Store& store, uint64_t hash, unsigned db, Fetch fetch) {
  Shard& shard = store.shard_of(hash);
  if (!shard.mutex.try_lock()) return;
  if (const Keyspace* keys = shard.find_keyspace(db)) fetch(keys->table(), keys->place_of(hash));
  shard.mutex.unlock();
}

inline void prefetch_bucket(Store& store, uint64_t hash, unsigned db) {
  prefetch(store, hash, db,
           [](const auto& table, HashPlace place) { table.prefetch_bucket(place); });
}

// Reads the bucket: call it some time after prefetch_bucket.
inline void prefetch_entry(Store& store, uint64_t hash, unsigned db) {
  prefetch(store, hash, db,
           [](const auto& table, HashPlace place) { table.prefetch_entry(place); });
}

}  // namespace larder
