// larder-server: reads the command line, then serves.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "server/admin/all_commands.h"
#include "server/admin/commands_print.h"
#include "server/admin/config_load.h"
#include "server/admin/config_print.h"
#include "server/admin/process_title.h"
#include "server/admin/server.h"
#include "server/engine/registry.h"
#include "server/engine/version.h"

extern char** environ;

namespace {

struct Program {
  larder::OptionSources sources;
  std::string import_path;
  std::string import_pattern;
  int64_t import_db = -1;
  bool check = false;
  bool print = false;
  bool print_docs = false;
  bool print_commands = false;
};

std::string option_help() {
  std::string text = "Options (each also as LARDER_OPTION in the environment):\n";
  for (const larder::OptionSpec& option : larder::option_table()) {
    if (option.section == larder::OptionSection::redis) continue;
    std::string line = "  --" + std::string(option.name);
    line.resize(std::max<size_t>(line.size() + 1, 40), ' ');
    text += line + std::string(option.summary) + " [" + std::string(option.standard) + "]\n";
  }
  return text + "Options of redis.conf that have no effect here are accepted as well.";
}

void read_sources(int argc, char** argv, larder::OptionSources& sources, CLI::App& app) {
  std::vector<std::string> args(argv + 1, argv + argc);
  if (!args.empty() && (args[0] == "-" || args[0].rfind('-', 0) != 0)) {
    sources.file = args[0];
    args.erase(args.begin());
  }
  // CLI11 takes its own flags out and leaves the rest in order.
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  app.parse(reversed);
  sources.command_line = app.remaining();
  for (char** each = environ; *each != nullptr; ++each) sources.environment.emplace_back(*each);
}

int complain(const std::string& text) {
  std::fprintf(stderr, "larder-server: %s\n", text.c_str());
  return 1;
}

int run(const Program& program, larder::ProcessTitle& title) {
  if (program.print_docs) {
    std::fputs(larder::print_config_docs().c_str(), stdout);
    return 0;
  }
  if (program.print_commands) {
    larder::Registry registry;
    larder::add_all_commands(registry);
    std::fputs(larder::print_commands_docs(registry).c_str(), stdout);
    return 0;
  }
  larder::LoadedOptions loaded = larder::load_options(program.sources);
  if (!loaded.error.empty()) return complain(loaded.error);
  if (program.print) {
    std::fputs(larder::print_config(loaded.options).c_str(), stdout);
    return 0;
  }
  if (program.check) {
    for (const std::string& text : loaded.warnings) std::printf("warning: %s\n", text.c_str());
    const std::string fault = larder::check(std::move(loaded));
    if (!fault.empty()) return complain(fault);
    std::printf("The configuration is good.\n");
    return 0;
  }
  loaded.import_path = program.import_path;
  loaded.import_pattern = program.import_pattern;
  loaded.import_db = program.import_db;
  title.set_file(loaded.file);
  return larder::serve(std::move(loaded), title);
}

}  // namespace

int main(int argc, char** argv) {
  larder::ProcessTitle title(argc, argv);
  Program program;
  CLI::App app("Larder, a Redis-compatible cache server. Its configuration is a file, or - for "
               "standard input.",
               "larder-server [larder.conf | -]");
  app.allow_extras();
  app.set_version_flag("-v,--version", "larder-server " + std::string(larder::kLarderVersion) +
                                           " (redis " + std::string(larder::kRedisVersion) + ")");
  app.add_flag("--check-config", program.check, "check the configuration and end");
  app.add_flag("--print-config", program.print, "print the configuration as a larder.conf and end");
  app.add_flag("--print-config-docs", program.print_docs, "print the table of options and end");
  app.add_flag("--print-commands-docs", program.print_commands,
               "print the table of commands and end");
  app.add_option("--import", program.import_path, "add the keys of this RDB file at the start");
  app.add_option("--import-pattern", program.import_pattern, "only keys that match this pattern");
  app.add_option("--import-db", program.import_db, "only keys of this database");
  app.footer(option_help);
  try {
    read_sources(argc, argv, program.sources, app);
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : 1;
  }
  return run(program, title);
}
