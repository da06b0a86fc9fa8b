#include "client/bench/distribution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace larder::bench::distribution_test {
namespace {

std::vector<double> shares(const Distribution& distribution, uint64_t count, int draws) {
  Picker picker(distribution, count);
  Random random(7);
  std::vector<double> shares(count);
  for (int i = 0; i < draws; ++i) shares.at(picker.next(random)) += 1.0 / draws;
  return shares;
}

TEST(Distribution, is_read) {
  EXPECT_EQ(parse_distribution("uniform")->kind, Distribution::Kind::uniform);
  EXPECT_EQ(parse_distribution("sequential")->kind, Distribution::Kind::sequential);
  EXPECT_EQ(parse_distribution("zipf")->exponent, 1);
  EXPECT_EQ(parse_distribution("zipf:0.5")->exponent, 0.5);
  for (const Bytes bad :
       {"", "zip", "zipf:", "zipf:0", "zipf:-1", "zipf:11", "zipf:x", "Uniform"}) {
    EXPECT_FALSE(parse_distribution(bad)) << bad;
  }
}

TEST(Distribution, uniform_takes_all_alike) {
  for (const double share : shares({}, 20, 200'000)) EXPECT_NEAR(share, 0.05, 0.003);
}

TEST(Distribution, zipf_follows_its_law) {
  constexpr uint64_t kCount = 50;
  for (const double exponent : {0.2, 0.99, 1.0, 1.0000001, 2.0, 8.0}) {
    const auto drawn = shares({Distribution::Kind::zipf, exponent}, kCount, 400'000);
    double sum = 0;
    for (uint64_t k = 1; k <= kCount; ++k) sum += std::pow(k, -exponent);
    for (uint64_t k = 1; k <= kCount; ++k) {
      EXPECT_NEAR(drawn[k - 1], std::pow(k, -exponent) / sum, 0.004) << exponent << " " << k;
    }
  }
}

TEST(Distribution, zipf_over_few_and_many) {
  Random random(3);
  const Zipf one(1, 1), two(2, 0.5), many(1'000'000'000'000, 0.99);
  uint64_t above_a_billion = 0;
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(one.next(random), 0u);
    EXPECT_LT(two.next(random), 2u);
    const uint64_t rank = many.next(random);
    EXPECT_LT(rank, 1'000'000'000'000u);
    above_a_billion += rank > 1'000'000'000;
  }
  EXPECT_NEAR(static_cast<double>(above_a_billion) / 10'000, 0.28, 0.03);
}

TEST(Distribution, a_sequence_goes_round_its_part) {
  Random random(1);
  Picker picker({Distribution::Kind::sequential}, 10, 4, 7);
  for (const uint64_t expected : {4, 5, 6, 4, 5}) EXPECT_EQ(picker.next(random), expected);
}

TEST(Distribution, uniform_stays_in_range) {
  Random random(1);
  Picker one({}, 1);
  EXPECT_EQ(one.next(random), 0u);
  Picker huge({}, 1'000'000'000'000);
  for (int i = 0; i < 1000; ++i) EXPECT_LT(huge.next(random), 1'000'000'000'000u);
}

}  // namespace
}  // namespace larder::bench::distribution_test
