// Shards' locks for those who walk over the store or need several shards at once.
//
// One script at a time may hold shards and wait for another one (docs/adr/0010-scripts.md). So
// nobody else may wait for a shard while it holds one, and nobody at all waits for a script that
// runs for long: these locks say that they did not get it.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/scoped.h"
#include "storage/store.h"

namespace larder {

// The shards that the running transaction or script of this thread holds, a bit each; null without
// one. Set by ShardsHeld.
inline thread_local const uint64_t* held_shards = nullptr;

inline bool is_shard_held(unsigned index) {
  return held_shards != nullptr && (held_shards[index / 64] >> index % 64 & 1) != 0;
}

// A client may be closed amid a transaction, whose thread holds shards: what it leaves in others is
// not waited for.
inline bool may_wait_for_shard(unsigned index) {
  return held_shards == nullptr || is_shard_held(index);
}

// As long as it lives, this thread is taken to hold these shards; null: none.
class ShardsHeld : Scoped<const uint64_t*> {
 public:
  explicit ShardsHeld(const uint64_t* words) : Scoped(held_shards, words) {}
};

// One shard, also from inside a transaction or a script, whose thread may hold it already. False
// when a script holds it for long: pass over the shard, or come back later. clang knows no scoped
// lock that may fail and takes it for held: look at it before the shard.
class SCOPED_CAPABILITY ShardLock {
 public:
  ShardLock(Shard& shard, unsigned index) ACQUIRE(shard.mutex) NO_THREAD_SAFETY_ANALYSIS
      : shard_(shard),
        held_(is_shard_held(index)),
        locked_(held_ || shard.lock()) {}
  ~ShardLock() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    if (locked_ && !held_) shard_.mutex.unlock();
  }
  ShardLock(const ShardLock&) = delete;
  ShardLock& operator=(const ShardLock&) = delete;

  explicit operator bool() const { return locked_; }

 private:
  Shard& shard_;
  const bool held_;
  const bool locked_;
};

// A change of one shard that no client asked for: takes the lock and sets the shard's clock. At its
// end the change is in the account of memory, and what was cut off is disposed of behind the lock.
class SCOPED_CAPABILITY ShardChange {
 public:
  ShardChange(Store& store, Shard& shard, unsigned index, int64_t now_ms)
      ACQUIRE(shard.mutex) NO_THREAD_SAFETY_ANALYSIS : store_(store),
                                                       shard_(shard),
                                                       lock_(std::in_place, shard, index) {
    if (*lock_) shard.services.now_ms = now_ms;
  }
  ~ShardChange() RELEASE() NO_THREAD_SAFETY_ANALYSIS {
    if (!*lock_) return;
    shard_.settle_memory(store_.memory());
    GarbageList garbage = std::exchange(shard_.services.garbage, {});
    lock_.reset();
    if (!garbage.empty()) store_.dispose(std::move(garbage));
  }
  ShardChange(const ShardChange&) = delete;
  ShardChange& operator=(const ShardChange&) = delete;

  // As of ShardLock.
  explicit operator bool() const { return static_cast<bool>(*lock_); }

 private:
  Store& store_;
  Shard& shard_;
  std::optional<ShardLock> lock_;
};

// Takes all of the locks, or none: false when a script holds one of them for long. Waits for a lock
// without holding others. Call without locks.
bool lock_shards(Store& store, const ShardSet& set);
void unlock_shards(Store& store, const ShardSet& set);
ShardSet all_shards(const Store& store);

}  // namespace larder
