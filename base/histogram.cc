#include "base/histogram.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace larder {

Histogram::Histogram(uint64_t value_max)
    : value_max_(value_max), counts_(index_of(value_max) + 1) {}

uint64_t Histogram::last_value_of(size_t index) {
  if (index < 2 * kHalf) return index;
  const size_t shift = index / kHalf - 1;
  return ((index - kHalf * shift + 1) << shift) - 1;
}

void Histogram::merge(const Histogram& other) {
  CHECK(counts_.size() == other.counts_.size());
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
  min_ = std::min(min_, other.min_);
}

void Histogram::clear() {
  std::fill(counts_.begin(), counts_.end(), 0);
  total_ = 0;
  sum_ = 0;
  max_ = 0;
  min_ = UINT64_MAX;
}

uint64_t Histogram::above(uint64_t value) const {
  uint64_t count = 0;
  for (size_t i = index_of(value) + 1; i < counts_.size(); ++i) count += counts_[i];
  return count;
}

uint64_t Histogram::percentile(double percent) const {
  if (total_ == 0) return 0;
  const double rank = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(total_);
  // 99.9% of 1000 must be 999 although no double is 0.999.
  const auto wanted = static_cast<uint64_t>(std::ceil(rank * (1 - 1e-12)));
  uint64_t seen = 0;
  // The last bucket holds everything beyond the range; its end says nothing, max() does.
  for (size_t i = 0; i + 1 < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= std::max<uint64_t>(wanted, 1)) return std::min(last_value_of(i), max_);
  }
  return max_;
}

}  // namespace larder
