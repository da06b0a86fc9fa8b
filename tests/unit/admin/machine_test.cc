#include "server/admin/machine.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "server/admin/memory_text.h"

namespace larder::machine_test {
namespace {

TEST(Machine, has_cores_and_a_sensible_limit) {
  EXPECT_GE(usable_cores(), 1U);
  EXPECT_LE(usable_cores(), 4096U);
  EXPECT_GE(memory_limit_bytes().value_or(INT64_MAX), 1 << 20);
}

// Lowers the limits of open files while it lives.
class FileLimit {
 public:
  explicit FileLimit(rlim_t files) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lower{files, files};
    ok_ = setrlimit(RLIMIT_NOFILE, &lower) == 0;
  }
  ~FileLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  bool ok() const { return ok_; }

 private:
  rlimit before_{};
  bool ok_ = false;
};

TEST(Machine, reserves_descriptors_as_far_as_it_may) {
  const DescriptorPlan plan = reserve_descriptors(100, 2);
  EXPECT_EQ(plan.clients_max, 100);
  EXPECT_EQ(plan.warning + plan.error, "");
}

// A process with the right to raise limits is never short of them.
TEST(Machine, says_how_many_descriptors_are_missing) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EXIT(
      {
        if (setgid(65534) != 0 || setuid(65534) != 0) std::exit(0);
        const FileLimit limit(100);
        const DescriptorPlan fewer = reserve_descriptors(1000, 1);
        const DescriptorPlan none = reserve_descriptors(1000, 100);
        const bool good = fewer.clients_max == 100 - kReservedDescriptors - 4 &&
                          fewer.warning == "maxclients is lowered from 1000 to 64: the limit of "
                                           "open files is 100" &&
                          none.error.find("at least 433 are needed") != std::string::npos;
        std::exit(good ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(MemoryText, as_redis_writes_it) {
  EXPECT_EQ(memory_text(0), "0B");
  EXPECT_EQ(memory_text(512), "512B");
  EXPECT_EQ(memory_text(1536), "1.50K");
  EXPECT_EQ(memory_text(2 << 20), "2.00M");
  EXPECT_EQ(memory_text(int64_t{3} << 30), "3.00G");
  EXPECT_GT(resident_bytes(), 1 << 20);
}

}  // namespace
}  // namespace larder::machine_test
