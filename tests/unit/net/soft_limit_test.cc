#include "server/net/soft_limit.h"

#include <gtest/gtest.h>

namespace larder::soft_limit_test {
namespace {

constexpr int64_t kMost = 1000;
constexpr int64_t kSeconds = 2;

// `later_ms` from now.
bool is_broken(SoftLimit& limit, int64_t bytes, int64_t later_ms, int64_t most = kMost) {
  return limit.is_broken(bytes, most, kSeconds, steady_ms() + later_ms);
}

TEST(SoftLimit, IsBrokenByWhoStaysOverIt) {
  SoftLimit limit;
  EXPECT_FALSE(is_broken(limit, kMost + 1, 0));
  EXPECT_FALSE(is_broken(limit, kMost + 1, kSeconds * 1000 - 1000));
  EXPECT_TRUE(is_broken(limit, kMost + 1, (kSeconds + 1) * 1000));
}

TEST(SoftLimit, CountsAnewAfterEveryFall) {
  SoftLimit limit;
  EXPECT_FALSE(is_broken(limit, kMost + 1, 0));
  EXPECT_FALSE(is_broken(limit, kMost, (kSeconds + 1) * 1000)) << "as much is allowed";
  EXPECT_FALSE(is_broken(limit, kMost + 1, 0));
}

TEST(SoftLimit, IsNoneAtZero) {
  SoftLimit limit;
  EXPECT_FALSE(is_broken(limit, INT64_MAX, 0, 0));
  EXPECT_FALSE(is_broken(limit, INT64_MAX, 1'000'000, 0));
}

}  // namespace
}  // namespace larder::soft_limit_test
