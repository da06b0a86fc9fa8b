#include "server/admin/options.h"

#include <gtest/gtest.h>

#include <set>

#include "server/admin/config_print.h"

namespace larder::options_test {
namespace {

const OptionSpec& option(Bytes name) {
  const OptionSpec* found = Options::find(name);
  EXPECT_NE(found, nullptr) << name;
  return *found;
}

// The value an option takes from `text`, or "! " and what is wrong.
std::string taken(Bytes name, Bytes text) {
  Options options;
  const std::string error = options.assign_text(option(name), text, OptionSource::runtime);
  return error.empty() ? options.text(name) : "! " + error;
}

TEST(OptionTable, every_default_is_a_value_of_its_option) {
  std::set<Bytes> names;
  for (const OptionSpec& each : option_table()) {
    EXPECT_TRUE(names.insert(each.name).second) << each.name << " stands twice";
    EXPECT_EQ(taken(each.name, each.standard), each.standard) << each.name;
    EXPECT_TRUE(each.section == OptionSection::redis || !each.summary.empty()) << each.name;
  }
}

TEST(OptionTable, names_in_any_case_and_older_names) {
  EXPECT_EQ(&option("MaxMemory"), &option("maxmemory"));
  for (const OptionSpec& each : option_table()) {
    EXPECT_TRUE(each.alias.empty() || Options::find(each.alias) == &each) << each.name;
  }
  EXPECT_EQ(Options::find(""), nullptr);
  EXPECT_EQ(Options::find("maxmemory "), nullptr);
}

TEST(Options, booleans) {
  EXPECT_EQ(taken("protected-mode", "YES"), "yes");
  EXPECT_EQ(taken("protected-mode", "no"), "no");
  EXPECT_EQ(taken("protected-mode", "true"), "! argument must be 'yes' or 'no'");
}

TEST(Options, integers_and_their_bounds) {
  EXPECT_EQ(taken("port", "0"), "0");
  EXPECT_EQ(taken("port", "65535"), "65535");
  EXPECT_EQ(taken("port", "65536"), "! argument must be between 0 and 65535 inclusive");
  EXPECT_EQ(taken("port", "-1"), "! argument must be between 0 and 65535 inclusive");
  EXPECT_EQ(taken("port", "1e3"), "! argument couldn't be parsed into an integer");
  EXPECT_EQ(taken("port", ""), "! argument couldn't be parsed into an integer");
}

TEST(Options, memory_with_units) {
  EXPECT_EQ(taken("maxmemory", "100"), "100");
  EXPECT_EQ(taken("maxmemory", "100b"), "100");
  EXPECT_EQ(taken("maxmemory", "1k"), "1000");
  EXPECT_EQ(taken("maxmemory", "1kb"), "1024");
  EXPECT_EQ(taken("maxmemory", "2MB"), "2097152");
  EXPECT_EQ(taken("maxmemory", "1g"), "1000000000");
  EXPECT_EQ(taken("maxmemory", "1Gb"), "1073741824");
  // Nothing is zero, as Redis has it.
  EXPECT_EQ(taken("maxmemory", ""), "0");
  EXPECT_EQ(taken("maxmemory", "mb"), "0");
  EXPECT_EQ(taken("maxmemory", "18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(taken("maxmemory", "17179869183gb"), "18446744072635809792");
  EXPECT_EQ(taken("maxmemory", "99999999999999999999"), "18446744073709551615");
  // Redis takes what is left of the last one after an overflow.
  for (const Bytes bad : {"1 mb", "1tb", "-1", "1.5gb", "9223372036854775807gb"}) {
    EXPECT_EQ(taken("maxmemory", bad).substr(0, 2), "! ") << bad;
  }
}

TEST(Options, a_primary_is_a_host_and_a_port) {
  EXPECT_EQ(taken("replicaof", "there  6380"), "there 6380");
  EXPECT_EQ(taken("replicaof", "NO one"), "");
  EXPECT_EQ(taken("replicaof", "there"), "! wrong number of arguments");
  EXPECT_EQ(taken("replicaof", "there 65536"), "! Invalid master port");
  EXPECT_EQ(taken("replicaof", "there door"), "! Invalid master port");
}

TEST(Options, permissions_are_octal) {
  EXPECT_EQ(taken("unixsocketperm", "700"), "700");
  EXPECT_EQ(taken("unixsocketperm", "0770"), "770");
  EXPECT_EQ(taken("unixsocketperm", "778"), "! argument couldn't be parsed into an integer");
  EXPECT_EQ(taken("unixsocketperm", "1000"), "! argument must be between 0 and 777 inclusive");
}

TEST(Options, choices) {
  EXPECT_EQ(taken("maxmemory-policy", "AllKeys-LRU"), "allkeys-lru");
  EXPECT_EQ(taken("maxmemory-policy", "lru").substr(0, 46),
            "! argument(s) must be one of the following: vo");
}

TEST(Options, buffer_limits_leave_other_classes_alone) {
  EXPECT_EQ(taken("client-output-buffer-limit", "normal 1mb 1k 5"),
            "normal 1048576 1000 5 slave 268435456 67108864 60 pubsub 33554432 8388608 60");
  EXPECT_EQ(taken("client-output-buffer-limit", "replica 0 0 0 pubsub 1 2 3"),
            "normal 0 0 0 slave 0 0 0 pubsub 1 2 3");
  EXPECT_EQ(taken("client-output-buffer-limit", ""),
            option("client-output-buffer-limit").standard);
  for (const Bytes bad : {"normal", "normal 0 0", "normal x 0 0", "normal 0 0 0 pubsub",
                          "master 0 0 0", "normal 0 0 -1", "normal  0 0 0", "normal -1 0 0",
                          "normal 9223372036854775807gb 0 0"}) {
    EXPECT_EQ(taken("client-output-buffer-limit", bad).substr(0, 2), "! ") << bad;
  }
}

TEST(Options, save_points_add_up_within_a_source) {
  Options options;
  const auto save = [&](const std::vector<std::string>& words, OptionSource source) {
    EXPECT_EQ(options.assign(option("save"), words, source), "");
    return options.text("save");
  };
  EXPECT_EQ(save({"900", "1"}, OptionSource::file), "900 1");
  EXPECT_EQ(save({"60", "10"}, OptionSource::file), "900 1 60 10");
  EXPECT_EQ(save({"5", "5"}, OptionSource::command_line), "5 5");
  EXPECT_EQ(save({""}, OptionSource::command_line), "");
  EXPECT_NE(options.assign(option("save"), {"1"}, OptionSource::file), "");
}

TEST(Options, a_bad_value_changes_nothing) {
  Options options;
  EXPECT_NE(options.assign_text(option("port"), "x", OptionSource::runtime), "");
  EXPECT_EQ(options.text("port"), "6379");
  EXPECT_EQ(options.source("port"), OptionSource::standard);
  EXPECT_TRUE(options.is_standard(option("port")));
}

TEST(ConfigPrint, what_is_printed_reads_back_the_same) {
  Options options;
  const auto set = [&](Bytes name, Bytes text) {
    ASSERT_EQ(options.assign_text(option(name), text, OptionSource::file), "") << name;
  };
  set("requirepass", "pass \"word\" \x01");
  set("maxmemory", "1gb");
  set("bind", "127.0.0.1 ::1");
  for (const Bytes name : {"requirepass", "maxmemory", "bind", "port"}) {
    EXPECT_NE(print_config(options).find(config_line(option(name), options.text(name))),
              std::string::npos)
        << name;
  }
}

TEST(ConfigPrint, a_rewrite_keeps_comments_and_order) {
  Options options;
  ASSERT_EQ(options.assign_text(option("port"), "7000", OptionSource::runtime), "");
  ASSERT_EQ(options.assign_text(option("timeout"), "9", OptionSource::runtime), "");
  const std::string text =
      rewritten_config("# mine\nport 1\n\nport 2\nunknown x\n", options, {}, false);
  EXPECT_EQ(text,
            "# mine\nport 7000\n\nunknown x\n# Generated by CONFIG REWRITE\ntimeout 9\n");
  EXPECT_EQ(rewritten_config(text, options, {}, false), text);
  // Users take the places of the lines that were there.
  EXPECT_EQ(rewritten_config("user a on\nport 1\nuser b on\n", options, {"user a off"}, false),
            "user a off\nport 7000\n# Generated by CONFIG REWRITE\ntimeout 9\n");
  EXPECT_EQ(rewritten_config("user a on\nport 1\n", options, {"user a off", "user c on"}, false),
            "user a off\nport 7000\n# Generated by CONFIG REWRITE\ntimeout 9\nuser c on\n");
}

}  // namespace
}  // namespace larder::options_test
