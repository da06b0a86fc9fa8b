#include "storage/hyperloglog.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace larder::hyperloglog_test {
namespace {

constexpr size_t kSparseMax = 3000;

TEST(HyperLogLog, estimates_within_its_error) {
  HyperLogLog counter;
  uint64_t added = 0;
  for (const uint64_t until : {10U, 100U, 1000U, 5000U, 20000U, 100000U, 1000000U}) {
    for (; added < until; ++added) counter.add("element " + std::to_string(added));
    const double error =
        std::abs(static_cast<double>(counter.estimate()) / static_cast<double>(added) - 1);
    EXPECT_LT(error, 4 * 1.04 / 128) << added;
  }
}

TEST(HyperLogLog, comes_back_from_its_bytes) {
  Random random(3);
  HyperLogLog counter;
  for (int i = 0; i < 3000; ++i) {
    counter.add(std::to_string(random.next()));
    if (i % 100 != 0) continue;
    for (const size_t sparse_max : {kSparseMax, size_t{0}}) {
      const std::string bytes = counter.bytes(sparse_max);
      ASSERT_TRUE(HyperLogLog::is_valid(bytes));
      const auto again = HyperLogLog::parse(bytes);
      ASSERT_TRUE(again);
      EXPECT_EQ(again->registers(), counter.registers());
      EXPECT_EQ(again->bytes(sparse_max), bytes);
    }
  }
}

TEST(HyperLogLog, merging_counts_both) {
  HyperLogLog odd, even, all;
  for (int i = 0; i < 4000; ++i) {
    (i % 2 == 0 ? even : odd).add(std::to_string(i));
    all.add(std::to_string(i));
  }
  EXPECT_TRUE(odd.merge(even));
  EXPECT_FALSE(odd.merge(even));
  EXPECT_EQ(odd.registers(), all.registers());
}

// Any bytes behind a good head are read or refused.
TEST(HyperLogLog, survives_broken_bytes) {
  Random random(11);
  HyperLogLog counter;
  for (int i = 0; i < 200; ++i) counter.add(std::to_string(i));
  const std::string good = counter.bytes(kSparseMax);
  size_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (uint64_t edits = random.below(4) + 1; edits > 0; --edits) {
      bytes[16 + random.below(bytes.size() - 16)] = static_cast<char>(random.next());
    }
    if (random.below(4) == 0) bytes.resize(16 + random.below(bytes.size() - 16));
    if (const auto parsed = HyperLogLog::parse(bytes)) {
      (void)parsed->estimate();
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 10000U);
}

}  // namespace
}  // namespace larder::hyperloglog_test
