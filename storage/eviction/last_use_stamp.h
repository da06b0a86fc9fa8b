// The time of the last use in a whole stamp: of policies without queues, and of entries that are in
// none because they may not be evicted.
//
//   stamp: | Unix time in units of 256 ms, modulo 2^22 (12 days) | epoch 0 |
#pragma once

#include <algorithm>

#include "storage/eviction/policy.h"

namespace larder {

inline constexpr unsigned kClockUnitBits = 8;
inline constexpr uint32_t kClockMask = (1U << 22) - 1;
inline constexpr int64_t kIdleSecondsMax = 12 * 24 * 3600;

inline Stamp last_use_stamp(int64_t now_ms) {
  return Stamp((static_cast<uint32_t>(now_ms >> kClockUnitBits) & kClockMask) << 2);
}

inline int64_t last_use_idle_ms(Stamp stamp, int64_t now_ms) {
  const uint32_t age = (last_use_stamp(now_ms).bits() - stamp.bits()) >> 2 & kClockMask;
  return int64_t{age} << kClockUnitBits;
}

class LastUsePolicy : public EvictionPolicy {
 public:
  Stamp used(Stamp, int64_t now_ms) const override { return last_use_stamp(now_ms); }
  void inserted(Resident& entry) override { entry.stamp = last_use_stamp(entry.now_ms); }
  void recalled(Resident& entry, const EntryUse& use) override {
    const int64_t idle_seconds = std::clamp<int64_t>(use.idle_seconds, 0, kIdleSecondsMax);
    entry.stamp = last_use_stamp(entry.now_ms - idle_seconds * 1000);
  }
  EntryUse use_of(Stamp stamp, int64_t now_ms) const override {
    return {.idle_seconds = *idle_ms(stamp, now_ms) / 1000};
  }
  bool samples() const override { return true; }
  std::optional<int64_t> idle_ms(Stamp stamp, int64_t now_ms) const override {
    return last_use_idle_ms(stamp, now_ms);
  }
};

}  // namespace larder
