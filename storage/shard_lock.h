// A shard's lock for those who walk over the store, also from inside a transaction or a script,
// whose thread may hold the lock already.
#pragma once

#include <cstdint>

#include "storage/store.h"

namespace larder {

// The shards that the running transaction or script of this thread holds, a bit each; null without
// one. Set by the dispatcher.
inline thread_local const uint64_t* held_shards = nullptr;

class ShardLock {
 public:
  ShardLock(Shard& shard, unsigned index) NO_THREAD_SAFETY_ANALYSIS
      : shard_(shard),
        held_(held_shards != nullptr && (held_shards[index / 64] >> index % 64 & 1) != 0) {
    if (!held_) shard_.mutex.lock();
  }
  ~ShardLock() NO_THREAD_SAFETY_ANALYSIS {
    if (!held_) shard_.mutex.unlock();
  }
  ShardLock(const ShardLock&) = delete;
  ShardLock& operator=(const ShardLock&) = delete;

 private:
  Shard& shard_;
  const bool held_;
};

}  // namespace larder
