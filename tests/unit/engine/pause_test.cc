#include "server/engine/pause.h"

#include <gtest/gtest.h>

#include "storage/expiry_pause.h"

namespace larder::pause_test {
namespace {

using By = PauseState::By;
constexpr int64_t kNow = 1000;

TEST(Pause, EndsByItself) {
  PauseState pause;
  EXPECT_FALSE(pause.stops_writes(kNow));
  pause.begin(By::command, kNow + 10, false, kNow);
  EXPECT_TRUE(pause.stops_writes(kNow));
  EXPECT_TRUE(pause.stops_all(kNow));
  EXPECT_FALSE(pause.stops_writes(kNow + 10));
  EXPECT_FALSE(pause.stops_all(kNow + 10));
  pause.end(By::command);
}

TEST(Pause, IsNeitherShortenedNorWeakened) {
  PauseState pause;
  pause.begin(By::command, kNow + 20, false, kNow);
  pause.begin(By::command, kNow + 10, true, kNow);
  EXPECT_TRUE(pause.stops_all(kNow + 19));
  pause.begin(By::command, kNow + 40, true, kNow + 30);  // the first is over
  EXPECT_TRUE(pause.stops_writes(kNow + 39));
  EXPECT_FALSE(pause.stops_all(kNow + 31));
  pause.end(By::command);
}

TEST(Pause, OneReasonDoesNotEndAnother) {
  PauseState pause;
  pause.begin(By::end, PauseState::kUntilEnded, true, kNow);
  pause.begin(By::command, kNow + 10, false, kNow);
  EXPECT_TRUE(pause.stops_all(kNow));
  pause.end(By::command);
  EXPECT_FALSE(pause.stops_all(kNow));
  EXPECT_TRUE(pause.stops_writes(kNow + 1000));
  pause.end(By::end);
  EXPECT_FALSE(pause.stops_writes(kNow));
}

TEST(Pause, NothingExpiresMeanwhile) {
  PauseState pause;
  for (const By by : {By::command, By::failover, By::end}) {
    pause.begin(by, kNow + 10, true, kNow);
    EXPECT_TRUE(is_expiry_paused(kNow));
    pause.end(by);
    EXPECT_FALSE(is_expiry_paused(kNow));
  }
}

}  // namespace
}  // namespace larder::pause_test
