#include "base/in_parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace larder::in_parallel_test {
namespace {

TEST(InParallel, EachOnceOnAnyNumberOfThreads) {
  for (const unsigned threads : {0U, 1U, 3U, 20U}) {
    std::vector<std::atomic<int>> calls(10);
    in_parallel(calls.size(), threads, [&](size_t i) { ++calls[i]; });
    for (const std::atomic<int>& each : calls) EXPECT_EQ(each, 1);
  }
  in_parallel(0, 2, [](size_t) { FAIL() << "of nothing"; });
}

}  // namespace
}  // namespace larder::in_parallel_test
