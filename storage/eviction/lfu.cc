// lfu: of a sample, what was used least often lately, as Redis counts: on a logarithmic scale, with
// a point off for each `lfu-decay-time` minutes without a use.
//
//   stamp: | minute of the last decay, modulo 2^14 | counter 8 | epoch 0 |
//
// Source: https://redis.io/docs/reference/eviction/ (the LFU mode)
#include <algorithm>

#include "storage/eviction/policies.h"
#include "storage/eviction/policy.h"

namespace larder {
namespace {

constexpr unsigned kNewCounter = 5;  // a new key gets time to be used
constexpr unsigned kCounterMax = 255;
constexpr uint32_t kMinuteMask = (1U << 14) - 1;

class Lfu : public EvictionPolicy {
 public:
  explicit Lfu(const EvictionOptions& options)
      : log_factor_(options.lfu_log_factor), decay_minutes_(options.lfu_decay_minutes) {}

  Stamp used(Stamp stamp, int64_t now_ms) const override {
    unsigned counter = decayed(stamp, now_ms);
    if (counter < kCounterMax && wins(counter, stamp, now_ms)) ++counter;
    return stamp_of(counter, now_ms);
  }
  void inserted(Resident& entry) override { entry.stamp = stamp_of(kNewCounter, entry.now_ms); }
  void recalled(Resident& entry, const EntryUse& use) override {
    const int counter = use.frequency < 0 ? static_cast<int>(kNewCounter) : use.frequency;
    entry.stamp = stamp_of(static_cast<unsigned>(counter) & kCounterMax, entry.now_ms);
  }
  EntryUse use_of(Stamp stamp, int64_t now_ms) const override {
    return {.frequency = static_cast<int>(decayed(stamp, now_ms))};
  }
  bool samples() const override { return true; }
  int64_t rank(const Resident& entry) const override {
    return kCounterMax - int64_t{decayed(entry.stamp, entry.now_ms)};
  }
  std::optional<unsigned> frequency(Stamp stamp, int64_t now_ms) const override {
    return decayed(stamp, now_ms);
  }

 private:
  static uint32_t minute_of(int64_t now_ms) {
    return static_cast<uint32_t>(now_ms / 60000) & kMinuteMask;
  }
  static Stamp stamp_of(unsigned counter, int64_t now_ms) {
    return Stamp(minute_of(now_ms) << 10 | counter << 2);
  }

  unsigned decayed(Stamp stamp, int64_t now_ms) const {
    const unsigned counter = stamp.bits() >> 2 & kCounterMax;
    if (decay_minutes_ == 0) return counter;
    const uint32_t idle = (minute_of(now_ms) - (stamp.bits() >> 10)) & kMinuteMask;
    return counter - std::min(counter, idle / decay_minutes_);
  }

  // One more use counts with a probability that falls as the counter rises.
  bool wins(unsigned counter, Stamp stamp, int64_t now_ms) const {
    const unsigned above = counter > kNewCounter ? counter - kNewCounter : 0;
    random_ = random_ * 0x5851f42d4c957f2d + stamp.bits() + static_cast<uint64_t>(now_ms);
    return (random_ >> 33) * (uint64_t{above} * log_factor_ + 1) < uint64_t{1} << 31;
  }

  const unsigned log_factor_;
  const unsigned decay_minutes_;
  static thread_local uint64_t random_;
};

thread_local uint64_t Lfu::random_ = 1;

}  // namespace

std::unique_ptr<EvictionPolicy> make_lfu(const EvictionOptions& options) {
  return std::make_unique<Lfu>(options);
}

}  // namespace larder
