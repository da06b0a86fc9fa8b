// Latencies in buckets of 3% width, from one microsecond to an hour.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace larder {

class Latencies {
 public:
  void add(uint64_t us, uint64_t times = 1) {
    counts_[index_of(us)] += times;
    total_ += times;
    if (us > max_us_) max_us_ = us;
  }
  uint64_t total() const { return total_; }
  uint64_t max_us() const { return max_us_; }

  // The smallest bucket bound that `share` (0 to 1) of all latencies do not exceed.
  uint64_t percentile_us(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(total_));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return bound_of(i);
    }
    return max_us_;
  }

 private:
  // Below 32 a bucket per microsecond; above, 32 buckets per doubling.
  static constexpr unsigned kSteps = 32;
  static size_t index_of(uint64_t us) {
    if (us < kSteps) return us;
    const unsigned shift = static_cast<unsigned>(std::bit_width(us)) - 6;
    const size_t index = kSteps * shift + (us >> shift);
    return index < kBuckets ? index : kBuckets - 1;
  }
  static uint64_t bound_of(size_t index) {
    if (index < 2 * kSteps) return index;
    const size_t shift = index / kSteps - 1;
    return (index - kSteps * shift) << shift;
  }

  static constexpr size_t kBuckets = kSteps * 30;
  std::array<uint64_t, kBuckets> counts_{};
  uint64_t total_ = 0;
  uint64_t max_us_ = 0;
};

}  // namespace larder
