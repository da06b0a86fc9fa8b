// sieve: a hand goes from the oldest to the newest and evicts what was not used since it last came
// by; what it spares stays where it is.
//
//   spared  | s s s | <- hand -> | waiting ... | <- new entries
//
// Kept as two queues: entries the hand has passed in this round, and those before it. When none is
// before it, the hand starts again with the oldest, that is with what it has passed.
// Source: Y. Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024.
#include <utility>

#include "storage/eviction/policies.h"
#include "storage/eviction/queue_policy.h"

namespace larder {
namespace {

class Sieve : public QueuePolicy {
 public:
  using QueuePolicy::QueuePolicy;

  void inserted(Resident& entry) override {
    stamp_new(entry, 0);
    if (waiting_.size() == 0) std::swap(waiting_, passed_);
    push(waiting_, 0, entry);
  }
  bool next(Candidate& candidate) override {
    if (waiting_.size() == 0) std::swap(waiting_, passed_);
    return waiting_.pop(candidate);
  }
  bool judge(Resident& entry, const Candidate&) override {
    if (uses(entry.stamp) == 0) return true;
    set_uses(entry.stamp, 0);
    move(passed_, 0, entry);
    return false;
  }
  size_t references() const override { return waiting_.size() + passed_.size(); }

 private:
  void forget_queues() override {
    waiting_.clear();
    passed_.clear();
  }

  FifoQueue waiting_{slab_};
  FifoQueue passed_{slab_};
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_sieve(const EvictionOptions& options) {
  return std::make_unique<Sieve>(options.slab);
}

}  // namespace larder
