// Least-recently-used order for entries that are not moved when they are used.
//
//   oldest | generation 7: refs | 8: refs | ... | 134: refs | newest
//
// Time is cut into generations: about 128 while the cache turns over once. A use only writes the
// present generation into the entry's stamp. When a reference comes to the head and the stamp of
// its entry names a later generation, it is forwarded to that one, so the order of what is evicted
// is exact up to a 128th of the cache; in a cache of fewer entries each insertion starts one.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "storage/eviction/fifo_queue.h"

namespace larder {

// The present generation of a policy, and when each of the last began.
class Generations {
 public:
  static constexpr uint32_t kMask = 0xffff;  // what a stamp can hold

  // A small model has fewer, as each takes a block of references, and forgets when they began.
  explicit Generations(bool of_model = false)
      : per_turn_(of_model ? kPerTurn / 8 : kPerTurn), began_s_(of_model ? 1 : kRemembered) {}

  uint32_t now() const { return now_.load(std::memory_order_relaxed); }
  // An insertion into a cache of `live` entries: begins a generation when enough of them came.
  void count_insertion(int64_t live, int64_t now_ms);
  // Begins one when the present one is a second old: IDLETIME is told in seconds.
  void tick(int64_t now_ms);
  // The generation of a use so long ago. Before the policy's own time there are generations of a
  // second, then longer ones, so that what is recalled keeps its order.
  uint32_t of(int64_t used_ms, int64_t now_ms);
  // When a generation began, as far back as is remembered.
  int64_t began_ms(uint32_t generation) const;
  size_t memory_bytes() const { return began_s_.size() * sizeof(uint32_t); }

 private:
  static constexpr int64_t kPerTurn = 128;
  static constexpr size_t kRemembered = 2048;

  void begin(int64_t now_ms);
  void make_past(int64_t now_ms);
  uint32_t& began_s(uint32_t generation) { return began_s_[generation % began_s_.size()]; }

  int64_t per_turn_;
  std::atomic<uint32_t> now_{0};
  std::vector<uint32_t> began_s_;  // by number, modulo
  int64_t insertions_ = 0;
};

// How many generations back what is recalled can be.
inline constexpr uint32_t kGenerationsRecalled = 1000;

class RecencyQueue {
 public:
  RecencyQueue(Slab& slab, const Generations& generations)
      : slab_(&slab), generations_(&generations) {}

  void push(EntryRef ref, uint32_t generation);
  // The same for one that may be older than all others here, and then goes before them.
  void push_recalled(EntryRef ref, uint32_t generation);
  // Takes one of the oldest generation, and says which one that is; false when empty.
  bool pop(Candidate& candidate);
  size_t size() const { return size_; }
  void clear() {
    queues_.clear();
    size_ = 0;
  }

 private:
  // More are kept apart than a full turn has; the oldest of them are joined.
  static constexpr size_t kKeptMax = 1024;

  Slab* slab_;
  const Generations* generations_;
  std::deque<FifoQueue> queues_;
  uint32_t first_ = 0;  // generation of queues_.front()
  size_t size_ = 0;
};

}  // namespace larder
