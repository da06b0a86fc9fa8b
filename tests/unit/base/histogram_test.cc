#include "base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"

namespace larder::histogram_test {
namespace {

TEST(Histogram, empty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.total(), 0u);
  EXPECT_EQ(histogram.percentile(50), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.mean(), 0);
}

TEST(Histogram, counts_what_is_above) {
  Histogram histogram;
  EXPECT_EQ(histogram.above(0), 0u);
  for (uint64_t value = 1; value <= 1000; ++value) histogram.record(value);
  histogram.record(1'000'000, 5);
  EXPECT_EQ(histogram.above(0), 1005u);
  EXPECT_EQ(histogram.above(400), 605u);
  EXPECT_EQ(histogram.above(1000), 5u);
  EXPECT_EQ(histogram.above(2'000'000), 0u);
}

TEST(Histogram, small_values_are_exact) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 1000; ++value) histogram.record(value);
  EXPECT_EQ(histogram.percentile(0), 1u);
  EXPECT_EQ(histogram.percentile(50), 500u);
  EXPECT_EQ(histogram.percentile(99), 990u);
  EXPECT_EQ(histogram.percentile(99.9), 999u);
  EXPECT_EQ(histogram.percentile(100), 1000u);
  EXPECT_DOUBLE_EQ(histogram.mean(), 500.5);
  EXPECT_EQ(histogram.min(), 1u);
}

TEST(Histogram, every_value_up_to_the_end_keeps_three_digits) {
  for (uint64_t value = 1; value < Histogram::kLatencyUsMax; value += 1 + value / 700) {
    Histogram histogram;
    histogram.record(value);
    histogram.record(Histogram::kLatencyUsMax);
    const uint64_t answer = histogram.percentile(50);
    ASSERT_GE(answer, value);
    ASSERT_LE(static_cast<double>(answer - value), 0.001 * static_cast<double>(value));
  }
}

TEST(Histogram, percentiles_agree_with_sorting) {
  Random random(7);
  Histogram histogram;
  std::vector<uint64_t> values;
  for (int i = 0; i < 50000; ++i) {
    values.push_back(1 + random.below(uint64_t{1} << (1 + random.below(26))));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
    const auto rank = static_cast<size_t>(percent / 100 * static_cast<double>(values.size()) + 0.5);
    const auto exact = static_cast<double>(values[rank - 1]);
    EXPECT_NEAR(static_cast<double>(histogram.percentile(percent)), exact, 0.001 * exact + 1);
  }
}

TEST(Histogram, beyond_the_range_the_maximum_stays_exact) {
  Histogram histogram(10'000);
  histogram.record(5);
  histogram.record(123'456);
  EXPECT_EQ(histogram.max(), 123'456u);
  EXPECT_EQ(histogram.percentile(100), 123'456u);
  EXPECT_EQ(histogram.percentile(50), 5u);
}

TEST(Histogram, merge_is_the_same_as_recording_all) {
  Histogram all, left, right;
  for (uint64_t value = 0; value < 9000; value += 3) {
    all.record(value, 2);
    (value % 2 == 0 ? left : right).record(value, 2);
  }
  left.merge(right);
  EXPECT_EQ(left.total(), all.total());
  EXPECT_EQ(left.percentile(77), all.percentile(77));
  EXPECT_DOUBLE_EQ(left.mean(), all.mean());
  EXPECT_EQ(left.max(), all.max());
  left.clear();
  EXPECT_EQ(left.total(), 0u);
  EXPECT_EQ(left.max(), 0u);
}

}  // namespace
}  // namespace larder::histogram_test
