// fifo: what came first goes first, used or not.
#include "storage/eviction/policies.h"
#include "storage/eviction/queue_policy.h"

namespace larder {
namespace {

class Fifo : public QueuePolicy {
 public:
  using QueuePolicy::QueuePolicy;

  void inserted(Resident& entry) override {
    stamp_new(entry, 0);
    push(queue_, 0, entry);
  }
  bool next(Candidate& candidate) override { return queue_.pop(candidate); }
  size_t references() const override { return queue_.size(); }

 private:
  void forget_queues() override { queue_.clear(); }

  FifoQueue queue_{slab_};
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_fifo(const EvictionOptions& options) {
  return std::make_unique<Fifo>(options.slab);
}

}  // namespace larder
