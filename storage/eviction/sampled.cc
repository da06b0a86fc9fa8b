#include "storage/eviction/sampled.h"

#include <algorithm>

#include "storage/entry.h"
#include "storage/keyspace.h"

namespace larder {
namespace {

constexpr unsigned kUnitBits = 6;  // 64 ms
constexpr uint32_t kStampMask = (1U << 24) - 1;

uint32_t stamp_of(int64_t now_ms) {
  return static_cast<uint32_t>(now_ms >> kUnitBits) & kStampMask;
}

uint32_t age_of(const Entry& entry, int64_t now_ms) {
  return (stamp_of(now_ms) - entry.stamp()) & kStampMask;
}

class SampledPolicy : public EvictionPolicy {
 public:
  SampledPolicy(Victims victims, Choice choice, const EvictionOptions& options)
      : victims_(victims), choice_(choice), samples_(std::max(options.samples, 1U)) {}

  void inserted(Keyspace& keyspace, Entry& entry) override {
    entry.set_stamp(stamp_of(keyspace.services().now_ms));
  }

  void accessed(Keyspace& keyspace, Entry& entry) override {
    const uint32_t stamp = stamp_of(keyspace.services().now_ms);
    if (entry.stamp() != stamp) entry.set_stamp(stamp);
  }

  Item victim(Keyspace& keyspace, uint64_t random) override {
    if (victims_ == Victims::none || keyspace.size() == 0) return {};
    if (victims_ == Victims::with_expiry && keyspace.volatile_count() == 0) return {};
    if (choice_ == Choice::random) return candidate(keyspace, random);
    Item best;
    int64_t best_rank = 0;
    for (unsigned i = 0; i < samples_; ++i) {
      const Item item = candidate(keyspace, random + i * 0x9e3779b97f4a7c15);
      if (!item) break;
      const int64_t rank = rank_of(keyspace, *item.entry());
      if (!best || rank > best_rank) {
        best = item;
        best_rank = rank;
      }
    }
    return best;
  }

  std::optional<int64_t> idle_ms(const Entry& entry, int64_t now_ms) const override {
    return int64_t{age_of(entry, now_ms)} << kUnitBits;
  }

 private:
  Item candidate(Keyspace& keyspace, uint64_t random) const {
    if (victims_ == Victims::with_expiry) {
      return keyspace.volatile_candidate(random, choice_ == Choice::soonest_expiry);
    }
    return keyspace.item_of(keyspace.table().sample(random));
  }

  // The largest goes first.
  int64_t rank_of(Keyspace& keyspace, const Entry& entry) const {
    if (choice_ == Choice::soonest_expiry) return -entry.expiry_ms();
    return age_of(entry, keyspace.services().now_ms);
  }

  const Victims victims_;
  const Choice choice_;
  const unsigned samples_;
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_sampled_policy(Victims victims, Choice choice,
                                                    const EvictionOptions& options) {
  return std::make_unique<SampledPolicy>(victims, choice, options);
}

}  // namespace larder
