#include "client/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace larder::backoff_test {
namespace {

TEST(Backoff, doubles_up_to_the_limit_and_starts_again) {
  Backoff backoff({.first_ms = 50, .longest_ms = 300, .jitter = 0}, 1);
  for (const int64_t expected : {50, 100, 200, 300, 300}) EXPECT_EQ(backoff.next_ms(), expected);
  backoff.reset();
  EXPECT_EQ(backoff.next_ms(), 50);
}

TEST(Backoff, jitter_spreads_within_its_share) {
  std::set<int64_t> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff({.first_ms = 1000, .longest_ms = 1000, .jitter = 0.5}, seed);
    const int64_t wait_ms = backoff.next_ms();
    EXPECT_GE(wait_ms, 500);
    EXPECT_LE(wait_ms, 1000);
    seen.insert(wait_ms);
  }
  EXPECT_GT(seen.size(), 100u);
}

TEST(Backoff, odd_options) {
  Backoff huge({.first_ms = INT64_MAX / 2 + 5, .longest_ms = INT64_MAX, .jitter = 0}, 1);
  EXPECT_EQ(huge.next_ms(), 3'600'000);
  EXPECT_EQ(huge.next_ms(), 3'600'000);
  Backoff none({.first_ms = 0, .longest_ms = 0, .jitter = 1}, 1);
  EXPECT_EQ(none.next_ms(), 0);
  Backoff above({.first_ms = 500, .longest_ms = 100, .jitter = 0}, 1);
  EXPECT_EQ(above.next_ms(), 100);
}

}  // namespace
}  // namespace larder::backoff_test
