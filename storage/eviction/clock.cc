// clock: first in, first out, but what was used since it was queued gets one more round.
//
// Source: F. Corbato, "A Paging Experiment with the Multics System", MIT 1968.
#include "storage/eviction/policies.h"
#include "storage/eviction/queue_policy.h"

namespace larder {
namespace {

class Clock : public QueuePolicy {
 public:
  using QueuePolicy::QueuePolicy;

  void inserted(Resident& entry) override {
    stamp_new(entry, 0);
    push(queue_, 0, entry);
  }
  bool next(Candidate& candidate) override { return queue_.pop(candidate); }
  bool judge(Resident& entry, const Candidate&) override {
    if (uses(entry.stamp) == 0) return true;
    set_uses(entry.stamp, 0);
    move(queue_, 0, entry);
    return false;
  }
  size_t references() const override { return queue_.size(); }

 private:
  void forget_queues() override { queue_.clear(); }

  FifoQueue queue_{slab_};
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_clock(const EvictionOptions& options) {
  return std::make_unique<Clock>(options.slab);
}

}  // namespace larder
