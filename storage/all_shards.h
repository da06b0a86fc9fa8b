// Holds every shard's lock. Waits for none while it has others: a script holds some and may be
// waiting for more.
#pragma once

#include "storage/store.h"

namespace larder {

class AllShards {
 public:
  explicit AllShards(Store& store) NO_THREAD_SAFETY_ANALYSIS : store_(store) {
    unsigned busy = 0;
    while (true) {
      store_.shard(busy).mutex.lock();
      const unsigned first = busy;
      busy = try_others(first);
      if (busy == store_.shard_count()) return;
    }
  }
  ~AllShards() NO_THREAD_SAFETY_ANALYSIS {
    for (unsigned i = 0; i < store_.shard_count(); ++i) store_.shard(i).mutex.unlock();
  }
  AllShards(const AllShards&) = delete;
  AllShards& operator=(const AllShards&) = delete;

 private:
  // With `first` held, takes the others; one that is busy is returned, and none is held then.
  unsigned try_others(unsigned first) NO_THREAD_SAFETY_ANALYSIS {
    for (unsigned i = 0; i < store_.shard_count(); ++i) {
      if (i == first || store_.shard(i).mutex.try_lock()) continue;
      for (unsigned k = 0; k < i; ++k) {
        if (k != first) store_.shard(k).mutex.unlock();
      }
      store_.shard(first).mutex.unlock();
      return i;
    }
    return store_.shard_count();
  }

  Store& store_;
};

}  // namespace larder
