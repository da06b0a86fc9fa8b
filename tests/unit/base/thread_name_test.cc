#include "base/thread_name.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <string>
#include <thread>

namespace larder::thread_name_test {
namespace {

std::string name_kept_of(const std::string& name) {
  std::array<char, 16> kept{};
  std::thread([&] {
    name_this_thread(name);
    ::pthread_getname_np(::pthread_self(), kept.data(), kept.size());
  }).join();
  return kept.data();
}

TEST(ThreadName, is_what_the_system_shows) { EXPECT_EQ(name_kept_of("worker-7"), "worker-7"); }

TEST(ThreadName, is_cut_after_15_bytes) {
  EXPECT_EQ(name_kept_of("fifteen-bytes-1"), "fifteen-bytes-1");
  EXPECT_EQ(name_kept_of("fifteen-bytes-12"), "fifteen-bytes-1");
}

}  // namespace
}  // namespace larder::thread_name_test
