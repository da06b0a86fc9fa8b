#include "client/reply.h"

#include <gtest/gtest.h>

#include <cmath>

namespace larder::reply_test {
namespace {

TEST(Reply, every_kind) {
  EXPECT_TRUE(make_reply("+OK\r\n").is_ok());
  EXPECT_TRUE(make_reply("_\r\n").is_null());
  EXPECT_TRUE(make_reply("$-1\r\n").is_null());
  EXPECT_TRUE(make_reply("*-1\r\n").is_null());
  EXPECT_EQ(make_reply(":-7\r\n").integer, -7);
  EXPECT_EQ(make_reply("#t\r\n").integer, 1);
  EXPECT_EQ(make_reply(",2.5\r\n").number, 2.5);
  EXPECT_TRUE(std::isinf(make_reply(",-inf\r\n").number));
  EXPECT_TRUE(std::isnan(make_reply(",nan\r\n").number));
  EXPECT_EQ(make_reply("$3\r\na\r\n\r\n").text, "a\r\n");
  EXPECT_EQ(make_reply("=7\r\ntxt:abc\r\n").text, "abc");
  EXPECT_EQ(make_reply("(123456789012345678901\r\n").text, "123456789012345678901");
  const Reply error = make_reply("!10\r\nSYNTAX bad\r\n");
  EXPECT_TRUE(error.is_error());
  EXPECT_EQ(error.text, "SYNTAX bad");
  EXPECT_TRUE(make_reply("-ERR x\r\n").is_error());
}

TEST(Reply, nested) {
  const Reply reply = make_reply("*3\r\n:1\r\n~2\r\n+a\r\n$1\r\nb\r\n*0\r\n");
  EXPECT_EQ(reply.to_text(), "[(integer) 1, [a, \"b\"], []]");
  EXPECT_EQ(reply.elements[1].type, Reply::Type::set);
}

TEST(Reply, maps_in_both_protocols) {
  for (const Bytes bytes : {"%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n", "*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n"}) {
    const Reply reply = make_reply(bytes);
    ASSERT_NE(reply.find("b"), nullptr);
    EXPECT_EQ(reply.find("b")->integer, 2);
    EXPECT_EQ(reply.find("c"), nullptr);
  }
}

TEST(Reply, attributes_are_left_out) {
  const Reply reply = make_reply("*2\r\n|1\r\n+ttl\r\n:9\r\n:1\r\n:2\r\n");
  EXPECT_EQ(reply.to_text(), "[(integer) 1, (integer) 2]");
  EXPECT_EQ(make_reply("|1\r\n+a\r\n+b\r\n>1\r\n+x\r\n").type, Reply::Type::push);
}

}  // namespace
}  // namespace larder::reply_test
