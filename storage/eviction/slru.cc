// slru: four queues in order of use. A new entry starts in the lowest; each use takes it one
// higher; what overflows a queue falls to the one below, out of the lowest to nowhere.
//
//   new -> | 0 | -> use -> | 1 | -> use -> | 2 | -> use -> | 3 |     each a quarter of the cache
//            v   <- overflow  <- overflow     <- overflow
//
// Source: R. Karedla et al., "Caching Strategies to Improve Disk System Performance", IEEE
// Computer 1994 (two segments); four as in libCacheSim.
#include "storage/eviction/policies.h"
#include "storage/eviction/recency_policy.h"

namespace larder {
namespace {

class Slru : public RecencyPolicy {
 public:
  using RecencyPolicy::RecencyPolicy;

  // The stamp says at once where the entry belongs; its reference follows when it is met.
  Stamp used(Stamp stamp, int64_t now_ms) const override {
    stamp = RecencyPolicy::used(stamp, now_ms);
    const unsigned queue = stamp.queue();
    if (stamp.epoch() == 0 || queue == kTop) return stamp;
    add_live(queue, -1);
    add_live(queue + 1, 1);
    stamp.set_queue(queue + 1);
    return stamp;
  }

  void inserted(Resident& entry) override {
    begin(entry);
    push(queues_[0], 0, entry);
  }

  bool next(Candidate& candidate) override {
    const int64_t quarter = live() / kQueuesMax;
    for (unsigned queue = kTop; queue > 0; --queue) {
      if (live(queue) <= quarter) continue;
      // References of entries that were used lately may still lie in lower queues.
      for (unsigned from = queue; from > 0; --from) {
        if (pop(from, candidate)) return true;
      }
    }
    for (unsigned queue = 0; queue < kQueuesMax; ++queue) {
      if (pop(queue, candidate)) return true;
    }
    return false;
  }

  bool judge(Resident& entry, const Candidate& candidate) override {
    const unsigned queue = entry.stamp.queue();
    if (queue != candidate.queue) {
      queues_[queue].push(ref_of(entry), entry.stamp.detail());
      return false;
    }
    if (forwarded(queues_[queue], entry, candidate)) return false;
    const unsigned to = queue > 0 ? queue - 1 : higher_with_room();
    if (to == 0 && queue == 0) return true;
    entry.stamp.set_detail(generations_.now());  // fallen from above: as new below
    move(queues_[to], to, entry);
    return false;
  }

  size_t references() const override {
    size_t sum = 0;
    for (const RecencyQueue& queue : queues_) sum += queue.size();
    return sum;
  }

 private:
  RecencyQueue& refs_of(unsigned queue) override { return queues_[queue]; }
  int queue_count() const override { return kQueuesMax; }
  void forget_queues() override {
    for (RecencyQueue& queue : queues_) queue.clear();
  }

  static constexpr unsigned kTop = kQueuesMax - 1;

  // While the cache fills, the higher queues take what would leave the lowest; otherwise they would
  // stay empty for as long as nothing is used twice. 0: none has room.
  unsigned higher_with_room() const {
    for (unsigned queue = 1; queue <= kTop; ++queue) {
      if (live(queue) < live() / kQueuesMax) return queue;
    }
    return 0;
  }

  bool pop(unsigned queue, Candidate& candidate) {
    candidate.queue = static_cast<uint8_t>(queue);
    return queues_[queue].pop(candidate);
  }

  std::array<RecencyQueue, kQueuesMax> queues_{
      {{slab_, generations_}, {slab_, generations_}, {slab_, generations_}, {slab_, generations_}}};
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_slru(const EvictionOptions& options) {
  return std::make_unique<Slru>(options.slab);
}

}  // namespace larder
