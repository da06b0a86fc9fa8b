// The way of a request: gates, keys, statistics. What single commands answer is in
// tests/conformance.
#include "server/engine/dispatcher.h"

#include <gtest/gtest.h>

#include "server/commands/families.h"
#include "server/engine/errors.h"
#include "server/engine/key_uses.h"
#include "tests/support/lone_server.h"

namespace larder::dispatcher_test {
namespace {

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest()
      : server_([](Registry& registry) {
          registry.add(connection_commands());
          registry.add(client_commands());
          registry.add(string_commands());
          registry.add(key_commands());
          registry.add(bitmap_commands());
          registry.add(database_commands());
          registry.add(scan_commands());
        }) {}

  std::string ask(const std::vector<std::string>& words) { return server_.ask(words); }
  const CommandStats& stats_of(Bytes name) {
    return server_.stats().commands[server_.registry().find(name)->id];
  }

  LoneServer server_;
};

TEST_F(DispatcherTest, stores_and_finds) {
  EXPECT_EQ(ask({"SET", "a", "value"}), "+OK\r\n");
  EXPECT_EQ(ask({"gEt", "a"}), "$5\r\nvalue\r\n");
  EXPECT_EQ(ask({"GET", "b"}), "$-1\r\n");
  EXPECT_EQ(server_.stats().hits.get(), 1U);
  EXPECT_EQ(server_.stats().misses.get(), 1U);
  EXPECT_EQ(server_.stats().changes.get(), 1U);
}

TEST_F(DispatcherTest, unknown_commands_are_quoted_up_to_128_bytes) {
  EXPECT_EQ(ask({"FOO", "a", "b"}),
            "-ERR unknown command 'FOO', with args beginning with: 'a' 'b' \r\n");
  const std::string reply = ask({std::string(1000, 'F'), std::string(1000, 'x'), "y"});
  EXPECT_EQ(reply, "-ERR unknown command '" + std::string(128, 'F') +
                       "', with args beginning with: '" + std::string(128, 'x') + "' \r\n");
  EXPECT_EQ(server_.stats().errors.get(), 2U);
}

TEST_F(DispatcherTest, hangs_up_on_browsers) {
  EXPECT_EQ(ask({"post", "/"}), "");
  EXPECT_TRUE(server_.session().close_after_reply);
  server_.session().close_after_reply = false;
  EXPECT_EQ(ask({"Host:", "localhost"}), "");
  EXPECT_TRUE(server_.session().close_after_reply);
}

TEST_F(DispatcherTest, line_breaks_in_an_error_become_spaces) {
  EXPECT_EQ(ask({"a\r\nb"}), "-ERR unknown command 'a  b', with args beginning with: \r\n");
  EXPECT_EQ(ask({std::string("a\0b", 3)}),
            "-ERR unknown command 'a', with args beginning with: \r\n");
}

TEST_F(DispatcherTest, arity_and_sub_commands) {
  EXPECT_EQ(ask({"GET"}), "-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_EQ(ask({"GET", "a", "b"}), "-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_EQ(ask({"CLIENT"}), "-ERR wrong number of arguments for 'client' command\r\n");
  EXPECT_EQ(ask({"CLIENT", "FOO"}), "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n");
  EXPECT_EQ(ask({"CLIENT", "GETNAME", "x"}),
            "-ERR wrong number of arguments for 'client|getname' command\r\n");
  EXPECT_EQ(stats_of("GET").rejected.get(), 2U);
  EXPECT_EQ(stats_of("GET").calls.get(), 0U);
}

TEST_F(DispatcherTest, strangers_get_no_further_than_the_gate) {
  server_.services().access.set_default_password("secret");
  server_.services().access.begin(server_.session());
  EXPECT_EQ(ask({"SET", "a", "b"}), "-" + std::string(errors::kNoAuth) + "\r\n");
  EXPECT_EQ(ask({"FOO"}).substr(0, 20), "-ERR unknown command");
  EXPECT_EQ(server_.store().totals().keys, 0U);
}

TEST_F(DispatcherTest, at_the_memory_limit_reads_and_deletes_go_on) {
  ask({"SET", "a", std::string(10'000, 'v')});
  server_.store().settle_memory();
  server_.store().set_memory_limit(1000);
  EXPECT_EQ(ask({"SET", "b", "v"}), "-" + std::string(errors::kOutOfMemory) + "\r\n");
  EXPECT_EQ(ask({"GET", "a"}).substr(0, 6), "$10000");
  EXPECT_EQ(ask({"DEL", "a"}), ":1\r\n");
}

TEST_F(DispatcherTest, a_pause_postpones_what_it_covers) {
  PauseState& pause = server_.services().pause;
  pause.begin(PauseState::By::command, server_.now_ms + 100, true, server_.now_ms);
  EXPECT_EQ(ask({"GET", "a"}), "$-1\r\n");
  EXPECT_EQ(ask({"SET", "a", "b"}), "");
  EXPECT_EQ(server_.outcome(), Dispatcher::Outcome::postponed);
  pause.begin(PauseState::By::command, server_.now_ms + 100, false, server_.now_ms);
  EXPECT_EQ(ask({"GET", "a"}), "");
  EXPECT_EQ(ask({"CLIENT", "UNPAUSE"}), "");
  server_.now_ms += 100;
  EXPECT_EQ(ask({"SET", "a", "b"}), "+OK\r\n");
  pause.end(PauseState::By::command);
}

TEST_F(DispatcherTest, counts_calls_and_failures) {
  ask({"SET", "a", "b"});
  ask({"SET", "a", "b", "FOO"});
  EXPECT_EQ(stats_of("SET").calls.get(), 2U);
  EXPECT_EQ(stats_of("SET").failed.get(), 1U);
  EXPECT_EQ(server_.services().error_stats.counts()["ERR"], 1U);
}

TEST_F(DispatcherTest, slow_commands_are_logged) {
  server_.services().settings.slow_us_min.store(0);
  ask({"SET", "a", std::string(1000, 'v')});
  ASSERT_EQ(server_.services().slow_log.size(), 1U);
  const SlowEntry entry = server_.services().slow_log.newest(1)[0];
  EXPECT_EQ(entry.args[0], "SET");
  EXPECT_LT(entry.args[2].size(), 200U);
}

TEST_F(DispatcherTest, tasks_run_to_their_end) {
  for (int i = 0; i < 5000; ++i) ask({"SET", "key" + std::to_string(i), "v"});
  const std::string reply = ask({"KEYS", "key1*"});
  EXPECT_EQ(server_.outcome(), Dispatcher::Outcome::task);
  EXPECT_EQ(reply.substr(0, reply.find('\r')), "*1111");
}

TEST_F(DispatcherTest, keys_of_many_shards_are_locked_and_freed) {
  std::vector<std::string> words{"MSET"};
  for (int i = 0; i < 1000; ++i) words.insert(words.end(), {std::to_string(i), "v"});
  EXPECT_EQ(ask(words), "+OK\r\n");
  EXPECT_EQ(ask({"DBSIZE"}), ":1000\r\n");
  EXPECT_EQ(ask({"FLUSHALL"}), "+OK\r\n");
  server_.store().validate();  // takes every lock: none was left
}

using Indexes = std::vector<size_t>;

Indexes keys_of(const KeySpec& keys, const std::vector<Bytes>& args) {
  Indexes found;
  const CommandSpec spec{.keys = keys};
  if (!find_keys(spec, args, found)) return {999};
  return found;
}

TEST(FindKeys, by_every_form_of_key_spec) {
  constexpr KeyUse kUse = KeyUse::read_only;
  EXPECT_EQ(keys_of({}, {"PING"}), Indexes{});
  EXPECT_EQ(keys_of(key_at(1, kUse), {"GET", "a"}), Indexes{1});
  EXPECT_EQ(keys_of(keys_from(1, -1, 1, kUse), {"DEL", "a", "b", "c"}), (Indexes{1, 2, 3}));
  EXPECT_EQ(keys_of(keys_from(1, -1, 2, kUse), {"MSET", "a", "1", "b", "2"}), (Indexes{1, 3}));
  EXPECT_EQ(keys_of(keys_from(1, -2, 1, kUse), {"BLPOP", "a", "b", "0"}), (Indexes{1, 2}));
  EXPECT_EQ(keys_of(keys_counted_at(1, 1, kUse), {"X", "2", "a", "b", "c"}), (Indexes{2, 3}));
  EXPECT_EQ(keys_of(keys_counted_at(1, 2, kUse), {"X", "2", "a", "1", "b", "2"}), (Indexes{2, 4}));
}

TEST(FindKeys, bad_counts_name_no_keys) {
  constexpr KeySpec kCounted = keys_counted_at(1, 1, KeyUse::read_only);
  for (const Bytes count : {"0", "-1", "3", "x", "9223372036854775807", ""}) {
    EXPECT_EQ(keys_of(kCounted, {"X", count, "a", "b"}), Indexes{999}) << count;
  }
  EXPECT_EQ(keys_of(kCounted, {"X"}), Indexes{999});
}

}  // namespace
}  // namespace larder::dispatcher_test
