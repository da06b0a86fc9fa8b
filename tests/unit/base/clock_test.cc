#include "base/clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

namespace larder::clock_test {
namespace {

// What the two clocks say of the same 50 ms, as a share of it.
double difference() {
  const int64_t start_ns = steady_ns();
  const uint64_t start = ticks();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const int64_t took_ns = steady_ns() - start_ns;
  return std::abs(static_cast<double>(ticks_to_ns(ticks() - start) - took_ns)) /
         static_cast<double>(took_ns);
}

// The best of some tries: the thread may lose its core between the two looks.
TEST(Clock, ticks_are_as_long_as_nanoseconds_say) {
  double least = 1;
  for (int i = 0; i < 5; ++i) least = std::min(least, difference());
  EXPECT_LT(least, 0.0005);
}

}  // namespace
}  // namespace larder::clock_test
