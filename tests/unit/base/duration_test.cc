#include "base/duration.h"

#include <gtest/gtest.h>

namespace larder::duration_test {
namespace {

TEST(Duration, units) {
  EXPECT_EQ(parse_duration_ms("0"), 0);
  EXPECT_EQ(parse_duration_ms("90"), 90'000);
  EXPECT_EQ(parse_duration_ms("90s"), 90'000);
  EXPECT_EQ(parse_duration_ms("1500ms"), 1500);
  EXPECT_EQ(parse_duration_ms("15m"), 900'000);
  EXPECT_EQ(parse_duration_ms("2h"), 7'200'000);
  EXPECT_EQ(parse_duration_ms("1d"), 86'400'000);
}

TEST(Duration, what_is_none) {
  for (const Bytes text :
       {"", "s", "-1", "1.5h", "1w", "1 s", "1S", "1h30m", "x", "+1", "99999999999999999999"}) {
    EXPECT_FALSE(parse_duration_ms(text)) << text;
  }
}

TEST(Duration, the_longest) {
  EXPECT_EQ(parse_duration_ms("36500d"), kDurationMsMax);
  EXPECT_FALSE(parse_duration_ms("36501d"));
  EXPECT_FALSE(parse_duration_ms("9223372036854775807"));
}

TEST(Duration, is_printed_as_it_is_read) {
  for (const int64_t ms : {int64_t{0}, int64_t{1}, int64_t{1000}, int64_t{1001}, kDurationMsMax}) {
    EXPECT_EQ(parse_duration_ms(duration_text(ms)), ms);
  }
  EXPECT_EQ(duration_text(90'000), "90");
  EXPECT_EQ(duration_text(1500), "1500ms");
}

}  // namespace
}  // namespace larder::duration_test
