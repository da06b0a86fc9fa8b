#include "server/engine/latency_buckets.h"

#include <gtest/gtest.h>

namespace larder::latency_buckets_test {
namespace {

TEST(LatencyBuckets, HaveTheBoundsOfRedis) {
  const uint64_t bounds[] = {1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454};
  for (size_t bucket = 0; bucket < std::size(bounds); ++bucket) {
    EXPECT_EQ(latency_bucket_us_max(bucket), bounds[bucket]);
  }
}

TEST(LatencyBuckets, TakeTimesUpToTheirBound) {
  EXPECT_EQ(latency_bucket(0), 0);
  for (size_t bucket = 0; bucket + 1 < CommandStats::kBuckets; ++bucket) {
    const uint64_t bound = latency_bucket_us_max(bucket);
    EXPECT_EQ(latency_bucket(bound), bucket) << bound;
    EXPECT_EQ(latency_bucket(bound + 1), bucket + 1) << bound;
  }
}

}  // namespace
}  // namespace larder::latency_buckets_test
