// lru: what was not used for longest goes first, in true order and not by a sample.
#include "storage/eviction/policies.h"
#include "storage/eviction/recency_policy.h"

namespace larder {
namespace {

class Lru : public RecencyPolicy {
 public:
  using RecencyPolicy::RecencyPolicy;

  void inserted(Resident& entry) override {
    begin(entry);
    push(queue_, 0, entry);
  }
  bool next(Candidate& candidate) override { return queue_.pop(candidate); }
  bool judge(Resident& entry, const Candidate& candidate) override {
    return !forwarded(queue_, entry, candidate);
  }
  size_t references() const override { return queue_.size(); }

 private:
  RecencyQueue& refs_of(unsigned) override { return queue_; }
  void forget_queues() override { queue_.clear(); }

  RecencyQueue queue_{slab_, generations_};
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_lru(const EvictionOptions& options) {
  return std::make_unique<Lru>(options.slab);
}

}  // namespace larder
