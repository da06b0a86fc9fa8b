#include "base/periodic_thread.h"

#include <gtest/gtest.h>

#include <atomic>

namespace larder::periodic_thread_test {
namespace {

using namespace std::chrono_literals;

TEST(PeriodicThread, works_again_and_again_and_ends_at_once) {
  std::atomic<int> rounds{0};
  const auto start = std::chrono::steady_clock::now();
  {
    const PeriodicThread thread("test", 1ms, [&]() -> PeriodicThread::Pause {
      return ++rounds < 3 ? 1ms : std::chrono::hours(1);
    });
    while (rounds < 3) std::this_thread::yield();
  }
  EXPECT_EQ(rounds, 3);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::minutes(1));
}

TEST(PeriodicThread, may_end_before_the_first_time) {
  bool worked = false;
  {
    const PeriodicThread thread("test", std::chrono::hours(1), [&] { return worked = true, 1ms; });
  }
  EXPECT_FALSE(worked);
}

}  // namespace
}  // namespace larder::periodic_thread_test
