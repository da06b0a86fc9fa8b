#include "base/short_slices.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <thread>

namespace larder::short_slices_test {
namespace {

int niceness_of(Share share) {
  int niceness = -1;
  std::thread([&] {
    run_in_short_slices(share);
    niceness = ::getpriority(PRIO_PROCESS, 0);  // of the calling thread, on Linux
    EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
  }).join();
  return niceness;
}

TEST(ShortSlices, give_way_to_others) { EXPECT_EQ(niceness_of(Share::least), 19); }

TEST(ShortSlices, a_fair_share_is_what_the_process_has) {
  EXPECT_EQ(niceness_of(Share::fair), ::getpriority(PRIO_PROCESS, 0));
}

TEST(ShortSlices, belong_to_the_thread_alone) {
  const int before = ::getpriority(PRIO_PROCESS, 0);
  niceness_of(Share::least);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), before);
}

}  // namespace
}  // namespace larder::short_slices_test
