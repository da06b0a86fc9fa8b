// The random numbers of math.random, the same in every Redis: 48 bits, linear congruential.
// Source: POSIX, drand48
#pragma once

#include <cstdint>

namespace larder {

class Random48 {
 public:
  void seed(uint32_t seed) { state_ = (uint64_t{seed} << 16) + 0x330e; }
  // From 0 up to, but not, 1.
  double next_unit() {
    state_ = (state_ * 0x5deece66d + 0xb) & ((uint64_t{1} << 48) - 1);
    const auto drawn = static_cast<uint32_t>(state_ >> 17);
    return static_cast<double>(drawn % kMost) / kMost;
  }

 private:
  static constexpr uint32_t kMost = 0x7fff'ffff;

  uint64_t state_ = 0x1234'abcd'330e;
};

}  // namespace larder
