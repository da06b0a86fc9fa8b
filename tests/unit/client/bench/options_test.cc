#include "client/bench/options.h"

#include <gtest/gtest.h>

#include "client/bench/help.h"

namespace larder::bench::options_test {
namespace {

struct Parsed {
  std::optional<int> code;
  BenchOptions options;
  std::string complaint;
};

Parsed parse(std::vector<const char*> words) {
  words.insert(words.begin(), "larder-bench");
  Parsed parsed;
  testing::internal::CaptureStderr();
  parsed.code = parse_options(static_cast<int>(words.size()), words.data(), parsed.options);
  parsed.complaint = testing::internal::GetCapturedStderr();
  return parsed;
}

TEST(Options, defaults) {
  const Parsed parsed = parse({});
  EXPECT_FALSE(parsed.code);
  EXPECT_EQ(parsed.options.seconds, 10) << "no load goes on for ever";
  EXPECT_EQ(parsed.options.mix.size(), 2u);
  EXPECT_EQ(parsed.options.names.digits, 6u) << "the last key is 999999";
  EXPECT_FALSE(parsed.options.identity.resp3);
  EXPECT_EQ(parse({"-n", "5"}).options.seconds, 0);
}

TEST(Options, an_empty_command_is_none) {
  const Parsed parsed = parse({"--command", ""});
  EXPECT_EQ(parsed.code, 1);
  EXPECT_NE(parsed.complaint.find("--command: it is empty"), std::string::npos)
      << parsed.complaint;
}

TEST(Options, transactions_of_what_can_be_one) {
  EXPECT_TRUE(parse({"--multi", "-P", "10"}).options.multi);
  EXPECT_EQ(parse({"--multi", "--verify"}).code, 1);
  EXPECT_EQ(parse({"--multi", "--memcached"}).code, 1);
  EXPECT_EQ(parse({"--multi", "--replay", "trace.csv"}).code, 1);
}

TEST(Options, all_kinds) {
  const Parsed parsed = parse({"-s",
                               "/tmp/s",
                               "--resp",
                               "3",
                               "--keys",
                               "50",
                               "--key-first",
                               "990",
                               "-d",
                               "1-9",
                               "--key-distribution",
                               "zipf:0.9",
                               "--ttl",
                               "0.5-2",
                               "--compare",
                               ":7000",
                               "-n",
                               "10",
                               "--command",
                               "INCR __key__, PING:2"});
  EXPECT_FALSE(parsed.code) << parsed.complaint;
  EXPECT_EQ(parsed.options.endpoint.unix_path, "/tmp/s");
  EXPECT_TRUE(parsed.options.identity.resp3);
  EXPECT_EQ(parsed.options.names.digits, 4u) << "the last key is 1039";
  EXPECT_EQ(parsed.options.data_bytes.last, 9u);
  EXPECT_EQ(parsed.options.key_distribution.exponent, 0.9);
  EXPECT_EQ(parsed.options.ttl.first_ms, 500);
  EXPECT_EQ(parsed.options.ttl.last_ms, 2000);
  EXPECT_EQ(parsed.options.compare->port, 7000);
  EXPECT_EQ(parsed.options.mix[1].weight, 2u);
}

TEST(Options, mistakes_are_told_by_name) {
  const std::vector<std::vector<const char*>> mistakes{
      {"--ratio", "1:x"},       {"--ttl", "0"},
      {"--data-bytes", "big"},  {"--key-distribution", "normal"},
      {"--threads", "51"},      {"--connections", "0"},
      {"--rate", "nan"},        {"--seconds", "-1"},
      {"--requests", "0"},      {"--compare", "a:b"},
      {"--command", "GET 'k"},  {"--data-distribution", "sequential"},
      {"--no-such-option", ""}, {"--resp", "4"},
      {"--timeout", "1e99"},    {"--pipeline", "100001"}};
  for (const auto& words : mistakes) {
    const Parsed parsed = parse(words);
    EXPECT_EQ(parsed.code, 1) << words[0];
    EXPECT_NE(parsed.complaint.find(words[0]), std::string::npos) << parsed.complaint;
  }
  EXPECT_EQ(parse({"--ratio", "1:1", "--command", "PING"}).code, 1);
}

TEST(Options, ttl_is_seconds) {
  EXPECT_EQ(parse_ttl("60")->first_ms, 60'000);
  EXPECT_EQ(parse_ttl("0.001-1e6")->last_ms, 1'000'000'000);
  for (const Bytes bad : {"", "0", "-1", "5-4", "1-", "x", "inf", "1-inf"}) {
    EXPECT_FALSE(parse_ttl(bad)) << bad;
  }
}

TEST(Options, lines_are_wrapped) {
  EXPECT_EQ(wrap("a bb ccc dddd", 5), "a bb\nccc\ndddd");
  EXPECT_EQ(wrap("unbreakable x", 4), "unbreakable\nx");
  EXPECT_EQ(wrap("", 4), "");
}

}  // namespace
}  // namespace larder::bench::options_test
