#include "client/bench/mix.h"

#include <gtest/gtest.h>

namespace larder::bench::mix_test {
namespace {

std::string shown(const Result<Mix, std::string>& mix) {
  if (!mix) return "bad: " + mix.error();
  std::string text;
  for (const WeightedCommand& each : *mix) {
    text += "[" + each.name() + "]" + std::to_string(each.weight);
  }
  return text;
}

TEST(Mix, ratio) {
  EXPECT_EQ(shown(parse_ratio("1:10", false)), "[SET __key__ __data__]1[GET __key__]10");
  EXPECT_EQ(shown(parse_ratio("1:0", true)), "[SET __key__ __data__ PX __pttl__]1");
  EXPECT_EQ(shown(parse_ratio("0:3", true)), "[GET __key__]3");
  for (const Bytes bad : {"", ":", "1", "0:0", "1:", ":1", "1:x", "-1:1", "1:1:1", "9000:9000",
                          "18446744073709551615:1"}) {
    EXPECT_EQ(shown(parse_ratio(bad, false)).substr(0, 4), "bad:") << bad;
  }
}

TEST(Mix, commands) {
  EXPECT_EQ(shown(parse_commands("SET __key__ __data__:3,GET __key__:7")),
            "[SET __key__ __data__]3[GET __key__]7");
  EXPECT_EQ(shown(parse_commands(" PING ")), "[PING]1");
  EXPECT_EQ(shown(parse_commands("LRANGE l 0 10, INCR n")), "[LRANGE l 0 10]1[INCR n]1");
  EXPECT_EQ(shown(parse_commands("GET user:1:2 ")), "[GET user:1]2");
}

TEST(Mix, quotes_keep_commas_and_colons) {
  EXPECT_EQ(shown(parse_commands("SET k \"a,b:3\", GET 'k:7'")), "[SET k a,b:3]1[GET k:7]1");
  EXPECT_EQ(shown(parse_commands("SET k \"a\\\",b\":2")), "[SET k a\",b]2");
}

TEST(Mix, bad_commands) {
  for (const Bytes bad : {"", ",", "PING,", ":3", "PING:0", "PING:10001", "GET \"k",
                          "PING:99999999999999999999", "PING:9000,PING:9000"}) {
    EXPECT_EQ(shown(parse_commands(bad)).substr(0, 4), "bad:") << bad;
  }
}

}  // namespace
}  // namespace larder::bench::mix_test
