#include "server/engine/tracking.h"

#include <gtest/gtest.h>

#include "server/commands/families.h"
#include "tests/support/lone_server.h"

namespace larder::tracking_test {
namespace {

const std::string kAllFlushed = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

void add_commands(Registry& registry) {
  for (const auto family : {connection_commands, client_commands, database_commands}) {
    registry.add(family());
  }
}

class TrackingTest : public testing::Test {
 protected:
  TrackingTest() : server_(add_commands) { server_.ask({"HELLO", "3"}); }

  LoneServer server_;
};

TEST_F(TrackingTest, a_flush_is_told) {
  server_.ask({"CLIENT", "TRACKING", "ON"});
  server_.ask({"FLUSHALL"});
  EXPECT_EQ(server_.take_pushes(), kAllFlushed);
  EXPECT_EQ(server_.take_pushes(), "");
}

// Another worker's clients hear of a flush a moment after it was answered.
TEST_F(TrackingTest, who_begins_after_a_flush_does_not_hear_of_it) {
  server_.ask({"CLIENT", "TRACKING", "ON"});
  server_.ask({"FLUSHALL"});
  server_.ask({"CLIENT", "TRACKING", "OFF"});
  server_.ask({"CLIENT", "TRACKING", "ON"});
  EXPECT_EQ(server_.take_pushes(), "");
}

TEST_F(TrackingTest, new_options_are_no_new_beginning) {
  server_.ask({"CLIENT", "TRACKING", "ON"});
  server_.ask({"FLUSHALL"});
  server_.ask({"CLIENT", "TRACKING", "ON", "NOLOOP"});
  EXPECT_EQ(server_.take_pushes(), kAllFlushed);
}

}  // namespace
}  // namespace larder::tracking_test
