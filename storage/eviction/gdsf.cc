// gdsf: keeps what is worth most per byte. An entry's worth is its uses over its size, on top of
// the worth of what was evicted when it was last queued, so that old merit fades.
//
//   class 0   | worth 1   : refs ... |
//   class 1   | worth 2^-½: refs ... |   victim: the head whose worth plus base is the least
//   ...
//   class 63  | worth 2^-31½         |
//
// Entries of about equal worth share a queue: within it, who came first has the lower base. Uses
// are counted in the stamp and weighed when the entry comes to the head. With the goal `bytes` the
// size drops out, as then a hit is worth what it saves.
// Source: L. Cherkasova, "Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency
// Caching Policy", HP Laboratories 1998.
#include <algorithm>
#include <cmath>
#include <deque>

#include "storage/eviction/policies.h"
#include "storage/eviction/queue_policy.h"

namespace larder {
namespace {

class Gdsf : public QueuePolicy {
 public:
  explicit Gdsf(const EvictionOptions& options)
      : QueuePolicy(options.slab), by_size_(options.goal == EvictionGoal::objects) {
    for (unsigned i = 0; i < kClasses; ++i) classes_.emplace_back(slab_);
  }

  // detail: | uses that were weighed 8 | uses since 8 |
  Stamp used(Stamp stamp, int64_t) const override {
    const uint32_t detail = stamp.detail();
    if ((detail & kCountMax) < kCountMax) stamp.set_detail(detail + 1);
    return stamp;
  }
  std::optional<int64_t> idle_ms(Stamp, int64_t) const override { return {}; }

  void inserted(Resident& entry) override {
    entry.stamp.set_detail(1U << 8);
    push_by_worth(entry);
  }

  void recalled(Resident& entry, const EntryUse& use) override {
    entry.stamp.set_detail(
        std::clamp<uint32_t>(static_cast<uint32_t>(std::max(use.frequency, 1)), 1, kCountMax) << 8);
    push_by_worth(entry);
  }
  EntryUse use_of(Stamp stamp, int64_t) const override {
    const uint32_t uses = (stamp.detail() >> 8) + (stamp.detail() & kCountMax);
    return {.frequency = static_cast<int>(std::min(uses, kCountMax))};
  }

  bool next(Candidate& candidate) override {
    size_t least = kClasses;
    for (size_t i = 0; i < kClasses; ++i) {
      if (classes_[i].refs.size() == 0) continue;
      if (least == kClasses || head_worth(i) < head_worth(least)) least = i;
    }
    if (least == kClasses) return false;
    base_ = std::max(base_, head_worth(least));
    candidate.queue = static_cast<uint8_t>(least);
    return classes_[least].pop(candidate);
  }

  bool judge(Resident& entry, const Candidate&) override {
    const uint32_t since = entry.stamp.detail() & kCountMax;
    if (since == 0) return true;
    const uint32_t before = entry.stamp.detail() >> 8;
    entry.stamp.set_detail(std::min(before + since, kCountMax) << 8);
    add_live(0, -1);
    push_by_worth(entry);
    return false;
  }

  size_t references() const override {
    size_t sum = 0;
    for (const Class& each : classes_) sum += each.refs.size();
    return sum;
  }

 private:
  static constexpr uint32_t kCountMax = 255;
  static constexpr size_t kClasses = 64;

  // References queued on the same base.
  struct Run {
    double base;
    size_t count;
  };
  struct Class {
    explicit Class(Slab& slab) : refs(slab) {}
    FifoQueue refs;
    std::deque<Run> runs;

    bool pop(Candidate& candidate) {
      if (--runs.front().count == 0) runs.pop_front();
      return refs.pop(candidate);
    }
  };

  static double worth_of(size_t number) { return std::exp2(-0.5 * static_cast<double>(number)); }
  double head_worth(size_t number) const {
    return classes_[number].runs.front().base + worths_[number];
  }

  void push_by_worth(Resident& entry) {
    const double uses = entry.stamp.detail() >> 8;
    const double bytes = by_size_ ? std::max(entry.bytes, 1U) : kCountMax;
    const double number = std::clamp(2 * std::log2(bytes / uses) + kSmallest, 0.0, kClasses - 1.0);
    Class& to = classes_[static_cast<size_t>(number)];
    push(to.refs, 0, entry);
    // A base that has hardly changed is the same: the last digits decide nothing.
    const double close = worths_[static_cast<size_t>(number)] / 64;
    if (to.runs.empty() || base_ > to.runs.back().base + close) {
      to.runs.push_back({base_, 1});
    } else {
      ++to.runs.back().count;
    }
  }

  void forget_queues() override {
    for (Class& each : classes_) {
      each.refs.clear();
      each.runs.clear();
    }
  }

  // Class 0 begins below a byte: many uses of a small value.
  static constexpr double kSmallest = 16;

  const bool by_size_;
  std::deque<Class> classes_;
  std::array<double, kClasses> worths_ = [] {
    std::array<double, kClasses> worths{};
    for (size_t i = 0; i < kClasses; ++i) worths[i] = worth_of(i);
    return worths;
  }();
  double base_ = 0;
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_gdsf(const EvictionOptions& options) {
  return std::make_unique<Gdsf>(options);
}

}  // namespace larder
