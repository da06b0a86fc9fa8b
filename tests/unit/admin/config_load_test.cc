#include "server/admin/config_load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace larder::config_load_test {
namespace {

class ConfigLoadTest : public testing::Test {
 protected:
  ConfigLoadTest() {
    std::string pattern = testing::TempDir() + "larder-config-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ConfigLoadTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  static LoadedOptions load_text(Bytes text) {
    LoadedOptions loaded;
    load_config_text(text, "test.conf", loaded);
    return loaded;
  }

  std::string folder_;
};

TEST_F(ConfigLoadTest, command_line_over_environment_over_file) {
  OptionSources sources;
  sources.file = write("larder.conf", "port 1\ntimeout 1\nmaxclients 1\n");
  sources.environment = {"LARDER_TIMEOUT=2", "LARDER_MAXCLIENTS=2", "OTHER=3", "LARDER=4"};
  sources.command_line = {"--maxclients", "3"};
  const LoadedOptions loaded = load_options(sources);
  EXPECT_EQ(loaded.error, "");
  EXPECT_EQ(loaded.options.text("port"), "1");
  EXPECT_EQ(loaded.options.text("timeout"), "2");
  EXPECT_EQ(loaded.options.text("maxclients"), "3");
  EXPECT_EQ(loaded.options.text("databases"), "16");
  EXPECT_EQ(loaded.options.source("port"), OptionSource::file);
  EXPECT_EQ(loaded.file, sources.file);
}

TEST_F(ConfigLoadTest, lines_as_redis_conf_has_them) {
  const LoadedOptions loaded = load_text(
      "# comment\n\n   \t# indented\r\nPORT 7000\r\n  bind 127.0.0.1   ::1\n"
      "requirepass \"a b\\x41\"\nlogfile ''\nsave 900 1\nsave 300 10\nmaxmemory 1gb");
  EXPECT_EQ(loaded.error, "");
  EXPECT_EQ(loaded.options.text("port"), "7000");
  EXPECT_EQ(loaded.options.text("bind"), "127.0.0.1 ::1");
  EXPECT_EQ(loaded.options.text("requirepass"), "a bA");
  EXPECT_EQ(loaded.options.text("save"), "900 1 300 10");
  EXPECT_EQ(loaded.options.text("maxmemory"), "1073741824");
  EXPECT_EQ(load_text("save 900 1\nsave").options.text("save"), "");
}

TEST_F(ConfigLoadTest, errors_name_the_line) {
  EXPECT_EQ(load_text("port 1\n\nprot 2\n").error, "test.conf:3: unknown option 'prot'");
  EXPECT_EQ(load_text("port x").error,
            "test.conf:1: bad value for 'port': argument couldn't be parsed into an integer");
  EXPECT_EQ(load_text("port").error,
            "test.conf:1: bad value for 'port': wrong number of arguments");
  EXPECT_EQ(load_text("port 1 2").error,
            "test.conf:1: bad value for 'port': wrong number of arguments");
  EXPECT_EQ(load_text("include").error, "test.conf:1: wrong number of arguments");
  EXPECT_EQ(load_text("\nrequirepass \"x\n").error, "test.conf:2: unbalanced quotes");
  EXPECT_EQ(load_text("bogus\nport x\n").error, "test.conf:1: unknown option 'bogus'");
}

TEST_F(ConfigLoadTest, errors_name_variable_and_flag) {
  EXPECT_EQ(load_options({.environment = {"LARDER_PROT=1"}}).error,
            "environment LARDER_PROT: unknown option 'prot'");
  EXPECT_EQ(load_options({.command_line = {"--port", "x"}}).error,
            "command line --port: bad value for 'port': argument couldn't be parsed into an "
            "integer");
  EXPECT_EQ(load_options({.command_line = {"port", "1"}}).error,
            "command line: unexpected argument 'port'");
  EXPECT_EQ(load_options({.command_line = {"--"}}).error,
            "command line: unexpected argument '--'");
  EXPECT_EQ(load_options({.file = folder_ + "/missing"}).error,
            folder_ + "/missing: can't be read");
  EXPECT_EQ(load_options({.file = folder_}).error, folder_ + ": can't be read");
}

TEST_F(ConfigLoadTest, forms_of_the_command_line) {
  const LoadedOptions loaded = load_options(
      {.command_line = {"--save", "900 1", "--bind", "127.0.0.1", "::1", "--port=7",
                        "--requirepass", "a b", "--client-output-buffer-limit", "normal", "1", "2",
                        "3", "--logfile", ""}});
  EXPECT_EQ(loaded.error, "");
  EXPECT_EQ(loaded.options.text("save"), "900 1");
  EXPECT_EQ(loaded.options.text("bind"), "127.0.0.1 ::1");
  EXPECT_EQ(loaded.options.text("port"), "7");
  EXPECT_EQ(loaded.options.text("requirepass"), "a b");
}

TEST_F(ConfigLoadTest, command_lines_as_redis_takes_them) {
  const LoadedOptions loaded = load_options(
      {.command_line = {"--maxmemory '7mb'", "--bind 127.0.0.1 ::1", "--requirepass", "--x",
                        "--save", "--port", "7", "--shutdown-on-sigint", "nosave", "now"}});
  EXPECT_EQ(loaded.error, "");
  EXPECT_EQ(loaded.options.text("maxmemory"), "7340032");
  EXPECT_EQ(loaded.options.text("bind"), "127.0.0.1 ::1");
  EXPECT_EQ(loaded.options.text("requirepass"), "--x");
  EXPECT_EQ(loaded.options.text("save"), "");
  EXPECT_EQ(loaded.options.text("port"), "7");
  EXPECT_EQ(load_options({.command_line = {"--port", "7", "--save"}}).options.text("save"), "");
  for (const char* nothing : {"\"\"", "''"}) {
    const auto quoted = load_options({.command_line = {"--save", nothing, "--port", "7"}});
    EXPECT_EQ(quoted.error, "");
    EXPECT_EQ(quoted.options.text("save"), "");
  }
  EXPECT_EQ(load_options({.command_line = {"--save", "\""}}).error,
            "command line --save: bad value for 'save': unbalanced quotes");
  EXPECT_EQ(load_options({.command_line = {"--port", "--loglevel", "verbose"}}).error,
            "command line --port: bad value for 'port': wrong number of arguments");
  const std::string file = write("short.conf", "port 1\nsave\n");
  const auto behind =
      load_options({.file = file, .command_line = {"port", "2", "--timeout", "3"}});
  EXPECT_EQ(behind.error, "");
  EXPECT_EQ(behind.options.text("port"), "2");
  EXPECT_EQ(behind.options.text("timeout"), "3");
}

TEST_F(ConfigLoadTest, primaries) {
  EXPECT_EQ(load_text("replicaof 127.0.0.1 6379").options.text("replicaof"), "127.0.0.1 6379");
  EXPECT_EQ(load_text("replicaof NO ONE").error, "");
  EXPECT_EQ(load_text("replicaof NO ONE").options.text("replicaof"), "");
  EXPECT_EQ(load_text("slaveof \"\"").options.text("replicaof"), "");
  EXPECT_EQ(load_text("replicaof a b").error,
            "test.conf:1: bad value for 'replicaof': Invalid master port");
  EXPECT_EQ(load_text("replicaof a 65536").error,
            "test.conf:1: bad value for 'replicaof': Invalid master port");
  EXPECT_EQ(load_text("replicaof a").error,
            "test.conf:1: bad value for 'replicaof': wrong number of arguments");
}

TEST_F(ConfigLoadTest, values_of_the_environment) {
  EXPECT_EQ(load_options({.environment = {"LARDER_BIND='::1"}}).error,
            "environment LARDER_BIND: unbalanced quotes");
  const LoadedOptions good = load_options(
      {.environment = {"LARDER_REQUIREPASS=\"a b", "LARDER_SAVE=", "LARDER_BIND=127.0.0.1 ::1",
                       "LARDER_MAXMEMORY_POLICY=allkeys-lru"}});
  EXPECT_EQ(good.error, "");
  EXPECT_EQ(good.options.text("requirepass"), "\"a b");
  EXPECT_EQ(good.options.text("save"), "");
  EXPECT_EQ(good.options.text("bind"), "127.0.0.1 ::1");
  EXPECT_EQ(good.options.text("maxmemory-policy"), "allkeys-lru");
}

TEST_F(ConfigLoadTest, includes) {
  const std::string inner = write("inner.conf", "timeout 5\nport bad\n");
  const std::string outer = write("outer.conf", "port 1\ninclude " + inner + "\n");
  const LoadedOptions loaded = load_options({.file = outer});
  EXPECT_EQ(loaded.options.text("timeout"), "5");
  EXPECT_EQ(loaded.error.substr(0, inner.size() + 3), inner + ":2:");
  const std::string itself = folder_ + "/itself.conf";
  write("itself.conf", "include " + itself + " " + itself + "\n");
  EXPECT_EQ(load_options({.file = itself}).error, itself + ": includes itself");
  const std::string none = write("none.conf", "port 1\ninclude /no/such.conf\n");
  EXPECT_EQ(load_options({.file = none}).error, none + ":2: /no/such.conf: can't be read");
}

TEST_F(ConfigLoadTest, what_is_not_built_yet_is_a_warning_that_names_it) {
  const LoadedOptions loaded = load_options(
      {.command_line = {"--maxmemory-policy", "allkeys-lfu", "--cluster-enabled", "yes"}});
  EXPECT_EQ(loaded.error, "");
  std::string all;
  for (const std::string& warning : loaded.warnings) all += warning + "\n";
  EXPECT_NE(all.find("cluster-enabled"), std::string::npos) << all;
  EXPECT_TRUE(load_options({}).warnings.empty());
}

TEST_F(ConfigLoadTest, directives_that_are_no_options) {
  const LoadedOptions loaded = load_text("user alice on \"~a b\"\nport 5\n");
  EXPECT_EQ(loaded.error, "");
  EXPECT_EQ(loaded.options.text("port"), "5");
  ASSERT_EQ(loaded.users.size(), 1U);
  EXPECT_EQ(loaded.users[0].where, "test.conf:1");
  EXPECT_EQ(loaded.users[0].words, (std::vector<std::string>{"alice", "on", "~a b"}));
  EXPECT_NE(load_text("user").error, "");
  OptionSources sources;
  sources.command_line = {"--user", "joe on +get", "--user", "ann", "off"};
  const LoadedOptions by_line = load_options(sources);
  EXPECT_EQ(by_line.error, "");
  ASSERT_EQ(by_line.users.size(), 2U);
  EXPECT_EQ(by_line.users[0].words, (std::vector<std::string>{"joe", "on", "+get"}));
  EXPECT_EQ(by_line.users[1].words, (std::vector<std::string>{"ann", "off"}));
}

TEST_F(ConfigLoadTest, directives_of_files_on_the_command_line) {
  OptionSources sources;
  const std::string part = write("part.conf", "timeout 5\nport 2\n");
  sources.command_line = {"--include", part, "--rename-command", "DEBUG", "", "--port", "1"};
  const LoadedOptions loaded = load_options(sources);
  EXPECT_EQ(loaded.error, "");
  EXPECT_EQ(loaded.options.text("timeout"), "5");
  EXPECT_EQ(loaded.options.text("port"), "1");
  ASSERT_EQ(loaded.renames.size(), 1U);
  EXPECT_EQ(loaded.renames[0].where, "command line --rename-command");
  EXPECT_EQ(load_options({.command_line = {"--sentinel"}}).error,
            "command line --sentinel: unknown option 'sentinel'");
  EXPECT_EQ(load_options({.command_line = {"--rename-command", "GET"}}).error,
            "command line --rename-command: wrong number of arguments");
}

TEST_F(ConfigLoadTest, files_of_other_servers) {
  const LoadedOptions loaded = load_text(
      "list-max-ziplist-entries 512\ngopher-enabled no\ncommandlog-reply-larger-than 1048576\n"
      "commandlog-execution-slower-than 5\ncommandlog-slow-execution-max-len 6\n"
      "primaryuser joe\nprimaryauth secret\n");
  EXPECT_EQ(loaded.error, "");
  ASSERT_EQ(loaded.warnings.size(), 3U);
  EXPECT_EQ(loaded.warnings[2], "test.conf:3: 'commandlog-reply-larger-than' has no effect here");
  EXPECT_EQ(loaded.options.text("slowlog-log-slower-than"), "5");
  EXPECT_EQ(loaded.options.text("slowlog-max-len"), "6");
  EXPECT_EQ(loaded.options.text("masteruser"), "joe");
  EXPECT_EQ(loaded.options.text("masterauth"), "secret");
}

TEST_F(ConfigLoadTest, names_of_files_are_no_paths) {
  EXPECT_EQ(load_text("dbfilename a/b").error,
            "test.conf:1: bad value for 'dbfilename': dbfilename can't be a path, just a filename");
  EXPECT_EQ(load_text("appenddirname ../a").error,
            "test.conf:1: bad value for 'appenddirname': appenddirname can't be a path, just a "
            "dirname");
  EXPECT_EQ(load_text("appendfilename ''").error,
            "test.conf:1: bad value for 'appendfilename': appendfilename can't be empty");
  EXPECT_EQ(load_text("appendfilename 'a b'").error, "");
}

}  // namespace
}  // namespace larder::config_load_test
