// Counts of values in buckets whose width follows the value, so that a percentile is off by less
// than 0.1% however large it is, and memory depends on the range alone.
//
//   value      0 .. 2047          one bucket per value
//              2048 .. 4095       1024 buckets, 2 wide
//              4096 .. 8191       1024 buckets, 4 wide   and so on, doubling
//
// Unit: the caller's; latencies of the tools are microseconds. Not thread-safe: one per thread,
// merged at the end.
// Source: G. Tene, HdrHistogram, http://hdrhistogram.org
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace larder {

class Histogram {
 public:
  // 100 seconds in microseconds: a reply that takes longer counts as that long, except in max().
  static constexpr uint64_t kLatencyUsMax = 100'000'000;

  // Values above `value_max` share the last bucket.
  explicit Histogram(uint64_t value_max = kLatencyUsMax);

  // Cost: O(1), no allocation.
  void record(uint64_t value, uint64_t times = 1) {
    counts_[index_of(value < value_max_ ? value : value_max_)] += times;
    total_ += times;
    sum_ += static_cast<double>(value) * static_cast<double>(times);
    if (value > max_) max_ = value;
    if (value < min_) min_ = value;
  }

  // Adds the other's counts. Both must have been made with the same `value_max`.
  void merge(const Histogram& other);
  void clear();

  uint64_t total() const { return total_; }
  // Exact; 0 when nothing was recorded.
  uint64_t max() const { return max_; }
  uint64_t min() const { return total_ == 0 ? 0 : min_; }
  double mean() const { return total_ == 0 ? 0 : sum_ / static_cast<double>(total_); }
  // The smallest value v such that `percent` (0 to 100) of all values are at most v, rounded up to
  // its bucket's end and never above max(). 0 when nothing was recorded.
  uint64_t percentile(double percent) const;
  // How many values are above `value`, those in its bucket left out.
  uint64_t above(uint64_t value) const;

 private:
  // 2048 values in the first piece: 1024 is the least power of two that gives three digits.
  static constexpr unsigned kHalfBits = 10;
  static constexpr uint64_t kHalf = uint64_t{1} << kHalfBits;

  static size_t index_of(uint64_t value) {
    const unsigned bits = 64 - static_cast<unsigned>(__builtin_clzll(value | 1));
    const unsigned shift = bits > kHalfBits + 1 ? bits - kHalfBits - 1 : 0;
    return kHalf * shift + (value >> shift);
  }
  static uint64_t last_value_of(size_t index);

  uint64_t value_max_;
  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
  double sum_ = 0;
  uint64_t max_ = 0;
  uint64_t min_ = UINT64_MAX;
};

}  // namespace larder
