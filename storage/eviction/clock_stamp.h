// Policies without queues keep the time of the last use in the whole stamp.
//
//   stamp: | Unix time in units of 256 ms, modulo 2^22 (12 days) | epoch 0 |
#pragma once

#include "storage/eviction/policy.h"

namespace larder {

inline constexpr unsigned kClockUnitBits = 8;
inline constexpr uint32_t kClockMask = (1U << 22) - 1;

inline Stamp clock_stamp(int64_t now_ms) {
  return Stamp((static_cast<uint32_t>(now_ms >> kClockUnitBits) & kClockMask) << 2);
}

class ClockStampPolicy : public EvictionPolicy {
 public:
  Stamp used(Stamp, int64_t now_ms) const override { return clock_stamp(now_ms); }
  void inserted(Resident& entry) override { entry.stamp = clock_stamp(entry.now_ms); }
  bool samples() const override { return true; }
  std::optional<int64_t> idle_ms(Stamp stamp, int64_t now_ms) const override {
    const uint32_t age = (clock_stamp(now_ms).bits() - stamp.bits()) >> 2 & kClockMask;
    return int64_t{age} << kClockUnitBits;
  }
};

}  // namespace larder
