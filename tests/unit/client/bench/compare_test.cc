#include "client/bench/compare.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client/bench/server_probe.h"

namespace larder::bench::compare_test {
namespace {

Summary round_of(double per_s, double p50_ms, std::optional<double> cpu_us) {
  Summary summary;
  summary.per_s = per_s;
  summary.p50_ms = p50_ms;
  summary.server_cpu_us = cpu_us;
  summary.requests = 1000;
  return summary;
}

TEST(Compare, medians) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({4, 1, 2, 9}), 3);
}

TEST(Compare, ratios_are_those_of_rounds) {
  Comparison comparison{"a", "b", {}, {}};
  comparison.a = {round_of(100, 1, 2.0), round_of(300, 2, 2.0), round_of(200, 3, 2.0)};
  comparison.b = {round_of(50, 2, {}), round_of(100, 2, {}), round_of(200, 2, {})};
  comparison.b[2].errors = 7;
  const auto json = nlohmann::json::parse(to_json(comparison));
  EXPECT_EQ(json["requests_per_s"]["a"], 200);
  EXPECT_EQ(json["requests_per_s"]["b"], 100);
  EXPECT_EQ(json["requests_per_s"]["ratio"], 2);
  EXPECT_EQ(json["requests_per_s"]["ratio_max"], 3);
  EXPECT_EQ(json["p50_ms"]["ratio"], 1);
  EXPECT_TRUE(json["server_cpu_us_per_request"]["ratio"].is_null()) << "one does not tell";
  EXPECT_EQ(json["server_cpu_us_per_request"]["a"], 2);
  const std::string text = to_text(comparison);
  EXPECT_NE(text.find("2.00      1.00 to 3.00"), text.npos) << text;
  EXPECT_NE(text.find("B: of 3,000 requests 0 found nothing, 7 were errors"), text.npos) << text;
}

TEST(Compare, numbers_for_people) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_fixed(2.345, 1), "2.3");
  EXPECT_EQ(format_table({{"", "bb"}, {"a", "c"}}), "   bb\na   c\n");
}

TEST(Compare, fields_of_info) {
  const Bytes info = "# Server\r\nredis_version:7.0.15\r\nredis_version_x:1\r\nprocess_id:12";
  EXPECT_EQ(info_field(info, "redis_version"), "7.0.15");
  EXPECT_EQ(info_field(info, "process_id"), "12");
  EXPECT_EQ(info_field(info, "redis"), "");
  EXPECT_EQ(info_field("", "x"), "");
}

TEST(Stats, threads_are_merged) {
  LoadStats one(2), two(2);
  one.start_ns = 1000;
  one.end_ns = 2000;
  two.start_ns = 500;
  two.end_ns = 1500;
  one.commands[0].latency_ns.record(5, 3);
  two.commands[1].latency_ns.record(7, 4);
  two.commands[1].misses = 4;
  two.first_error = "ERR x";
  one.merge(two);
  EXPECT_EQ(one.seconds(), 1.5e-6);
  EXPECT_EQ(one.total().latency_ns.total(), 7u);
  EXPECT_EQ(one.total().misses, 4u);
  EXPECT_EQ(one.first_error, "ERR x");
}

}  // namespace
}  // namespace larder::bench::compare_test
