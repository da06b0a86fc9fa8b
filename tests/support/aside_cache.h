// A store that is read cache-aside, as a client would: what is not there is put.
#pragma once

#include <cstdint>
#include <string>

#include "base/random.h"
#include "storage/eviction/registry.h"
#include "storage/store.h"
#include "storage/strings.h"

namespace larder {

class AsideCache {
 public:
  // `policy` as in maxmemory-policy; `life_ms` of every key, 0: for good.
  AsideCache(Bytes policy, int64_t limit_bytes, int64_t life_ms = 0)
      : store_({.shard_bits = 4}), life_ms_(life_ms) {
    store_.set_memory_limit(limit_bytes);
    store_.set_eviction_policy(*find_eviction_policy(policy), {});
  }

  // Whether the key was there. A tenth of a second goes by every thousand reads.
  bool read(Bytes name, unsigned value_bytes) {
    if (reads_++ % kReadsPerTick == 0) store_.tend_eviction(0, 1, now_ms_ += kTickMs);
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    {
      MutexLock lock(shard.mutex);
      shard.services.now_ms = now_ms_;
      Keyspace& keys = shard.keyspace(0);
      if (const Item item = keys.find_live(key, now_ms_)) {
        keys.touch(item);
        return true;
      }
      keys.missed(key);
    }
    (void)store_.make_room(now_ms_, random_.next());
    MutexLock lock(shard.mutex);
    Keyspace& keys = shard.keyspace(0);
    const int64_t expiry_ms = life_ms_ == 0 ? kNoExpiry : now_ms_ + life_ms_;
    put_string(keys, key, keys.find(key), std::string(value_bytes, 'v'), expiry_ms);
    shard.settle_memory(store_.memory());
    return false;
  }
  EvictionAdvice advice() { return store_.advice(); }

 private:
  static constexpr int64_t kTickMs = 100;
  static constexpr unsigned kReadsPerTick = 1000;

  Store store_;
  Random random_{7};
  const int64_t life_ms_;
  int64_t now_ms_ = 1000;
  uint64_t reads_ = 0;
};

}  // namespace larder
