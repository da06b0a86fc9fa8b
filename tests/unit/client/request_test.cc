#include "client/request.h"

#include <gtest/gtest.h>

#include "client/transport.h"

namespace larder::request_test {
namespace {

TEST(Request, is_an_array_of_strings) {
  Pipeline pipeline;
  pipeline.add({"GET", "k"});
  pipeline.add({"SET", Bytes("a\0b", 3), ""});
  EXPECT_EQ(pipeline.size(), 2u);
  EXPECT_EQ(pipeline.bytes(), Bytes("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
                                    "*3\r\n$3\r\nSET\r\n$3\r\na\0b\r\n$0\r\n\r\n",
                                    48));
  pipeline.clear();
  EXPECT_EQ(pipeline.size(), 0u);
  EXPECT_TRUE(pipeline.bytes().empty());
}

TEST(Endpoint, is_read_and_printed) {
  const auto text_of = [](Bytes text) {
    const auto endpoint = parse_endpoint(text);
    return endpoint ? endpoint->to_text() : "bad: " + endpoint.error();
  };
  EXPECT_EQ(text_of("cache:7000"), "cache:7000");
  EXPECT_EQ(text_of("cache"), "cache:6379");
  EXPECT_EQ(text_of(":7000"), "127.0.0.1:7000");
  EXPECT_EQ(text_of("[::1]:7000"), "[::1]:7000");
  EXPECT_EQ(text_of("[::1]"), "[::1]:6379");
  EXPECT_EQ(text_of("/run/larder.sock"), "/run/larder.sock");
  for (const Bytes bad : {"", "a:", "a:0", "a:65536", "a:x", "::1", "[::1", "[::1]7"}) {
    EXPECT_EQ(text_of(bad).substr(0, 4), "bad:") << bad;
  }
}

}  // namespace
}  // namespace larder::request_test
