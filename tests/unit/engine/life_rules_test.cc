// TTL rules on the commands that clients send: which of them give a life, and what it becomes.
#include <gtest/gtest.h>

#include <memory>

#include "server/commands/families.h"
#include "storage/ttl_rules.h"
#include "tests/support/lone_server.h"

namespace larder::life_rules_test {
namespace {

class LifeRulesTest : public testing::Test {
 protected:
  LifeRulesTest()
      : server_([](Registry& registry) {
          registry.add(string_commands());
          registry.add(string_edit_commands());
          registry.add(key_commands());
          registry.add(expiry_commands());
          registry.add(hash_commands());
          registry.add(set_commands());
          registry.add(set_algebra_commands());
          registry.add(list_commands());
          registry.add(list_move_commands());
          registry.add(transaction_commands());
        }) {}

  void rule(const TtlRule& rest, std::vector<TtlRule> rules = {}) {
    const auto all = std::make_shared<const TtlRules>(std::move(rules), rest);
    server_.store().set_ttl_rules(all);
    server_.services().settings.ttl_rules_govern.store(all->govern());
    server_.services().settings.ttl_rules_slide.store(all->slide());
  }
  std::string ask(const std::vector<std::string>& words) { return server_.ask(words); }
  // Milliseconds left, -1: for good.
  int64_t life(const std::string& key) { return std::stoll(ask({"PTTL", key}).substr(1)); }

  LoneServer server_;
};

TEST_F(LifeRulesTest, writes_that_make_a_key_give_it_the_default) {
  rule({.default_ms = 60'000});
  ask({"SET", "a", "v"});
  ask({"SETNX", "b", "v"});
  ask({"MSET", "c", "v", "d", "v"});
  ask({"INCR", "e"});
  ask({"APPEND", "f", "v"});
  ask({"HSET", "g", "f", "v"});
  ask({"SADD", "h", "m"});
  ask({"RPUSH", "i", "m"});
  ask({"SUNIONSTORE", "j", "h"});
  ask({"LMOVE", "i", "k", "LEFT", "LEFT"});
  ask({"GETSET", "l", "v"});
  for (const char* key : {"a", "b", "c", "d", "e", "f", "g", "h", "j", "k", "l"}) {
    EXPECT_EQ(life(key), 60'000) << key;
  }
}

TEST_F(LifeRulesTest, writes_into_a_key_leave_its_life) {
  ask({"SET", "n", "1"});
  ask({"HSET", "h", "f", "v"});
  rule({.default_ms = 60'000});
  ask({"INCR", "n"});
  ask({"HSET", "h", "g", "v"});
  ask({"SET", "n", "2", "KEEPTTL"});
  EXPECT_EQ(life("n"), -1);
  EXPECT_EQ(life("h"), -1);
  ask({"SET", "n", "3"});
  EXPECT_EQ(life("n"), 60'000);
  server_.now_ms += 10'000;
  ask({"INCR", "n"});
  ask({"SET", "n", "5", "KEEPTTL"});
  EXPECT_EQ(life("n"), 50'000);
}

TEST_F(LifeRulesTest, keepttl_of_a_key_that_is_not_there_makes_it) {
  rule({.default_ms = 60'000});
  ask({"SET", "a", "v", "KEEPTTL"});
  EXPECT_EQ(life("a"), 60'000);
}

TEST_F(LifeRulesTest, a_bound_cuts_what_clients_ask_for) {
  rule({.max_ms = 10'000});
  ask({"SET", "a", "v", "EX", "100"});
  EXPECT_EQ(life("a"), 10'000);
  ask({"SETEX", "b", "5", "v"});
  EXPECT_EQ(life("b"), 5000);
  EXPECT_EQ(ask({"EXPIRE", "b", "100"}), ":1\r\n");
  EXPECT_EQ(life("b"), 10'000);
  EXPECT_EQ(ask({"PEXPIREAT", "b", std::to_string(server_.now_ms + 50'000)}), ":1\r\n");
  EXPECT_EQ(life("b"), 10'000);
  ask({"GETEX", "b", "EX", "70"});
  EXPECT_EQ(life("b"), 10'000);
  ask({"SET", "c", "v"});
  EXPECT_EQ(life("c"), 10'000);
  EXPECT_EQ(ask({"PERSIST", "c"}), ":1\r\n");
  EXPECT_EQ(life("c"), 10'000);
}

TEST_F(LifeRulesTest, persist_is_obeyed_by_a_default) {
  rule({.default_ms = 60'000});
  ask({"SET", "a", "v"});
  EXPECT_EQ(ask({"PERSIST", "a"}), ":1\r\n");
  EXPECT_EQ(life("a"), -1);
  ask({"APPEND", "a", "w"});
  EXPECT_EQ(life("a"), -1);
  ask({"SET", "a", "v"});
  EXPECT_EQ(life("a"), 60'000);
}

TEST_F(LifeRulesTest, a_key_that_moves_falls_under_the_rule_of_its_new_name) {
  rule({}, {{.pattern = "short:*", .max_ms = 1000}, {.pattern = "timed:*", .default_ms = 5000}});
  ask({"SET", "a", "v", "EX", "100"});
  ask({"RENAME", "a", "short:a"});
  EXPECT_EQ(life("short:a"), 1000);
  ask({"SET", "b", "v"});
  EXPECT_EQ(life("b"), -1);
  ask({"COPY", "b", "timed:b"});
  EXPECT_EQ(life("timed:b"), 5000);
  ask({"SET", "c", "v", "PX", "300"});
  ask({"COPY", "c", "timed:b", "REPLACE"});
  EXPECT_EQ(life("timed:b"), 300);
}

TEST_F(LifeRulesTest, reads_renew_and_never_shorten) {
  rule({.default_ms = 60'000, .sliding_ms = TtlRule::kSlidesAsGiven});
  ask({"SET", "a", "v"});
  ask({"HSET", "h", "f", "v"});
  ask({"SET", "long", "v", "EX", "600"});
  server_.now_ms += 30'000;
  ask({"TTL", "a"});
  EXPECT_EQ(life("a"), 30'000) << "a look is no read";
  ask({"GET", "a"});
  ask({"HGET", "h", "f"});
  ask({"GET", "long"});
  EXPECT_EQ(life("a"), 60'000);
  EXPECT_EQ(life("h"), 60'000);
  EXPECT_EQ(life("long"), 570'000);
  ask({"PERSIST", "a"});
  ask({"GET", "a"});
  EXPECT_EQ(life("a"), -1);
}

TEST_F(LifeRulesTest, jitter_spreads) {
  rule({.default_ms = 100'000, .jitter_percent = 10});
  int64_t least = 100'000;
  int64_t most = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string key = "k" + std::to_string(i);
    ask({"SET", key, "v"});
    least = std::min(least, life(key));
    most = std::max(most, life(key));
  }
  EXPECT_GE(least, 90'000);
  EXPECT_LE(most, 100'000);
  EXPECT_GT(most - least, 8000);
}

TEST_F(LifeRulesTest, inside_a_transaction) {
  rule({.default_ms = 60'000});
  ask({"MULTI"});
  ask({"SET", "a", "v"});
  ask({"HSET", "h", "f", "v"});
  ask({"EXEC"});
  EXPECT_EQ(life("a"), 60'000);
  EXPECT_EQ(life("h"), 60'000);
}

TEST_F(LifeRulesTest, without_rules_nothing_changes) {
  rule({.default_ms = 60'000});
  ask({"SET", "a", "v"});
  rule({});
  ask({"SET", "b", "v"});
  EXPECT_EQ(life("a"), 60'000);
  EXPECT_EQ(life("b"), -1);
  server_.store().validate();
}

}  // namespace
}  // namespace larder::life_rules_test
