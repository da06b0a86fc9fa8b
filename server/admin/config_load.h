// Gathers option values from larder.conf, the environment and the command line.
//   command line > environment > file > default
#pragma once

#include <string>
#include <vector>

#include "server/admin/options.h"

namespace larder {

struct LoadedOptions {
  Options options;
  std::string file;                   // absolute path of larder.conf; empty without one
  // `rename-command` lines: where each stands; an empty name takes the command away.
  struct RenameLine {
    std::string where;
    std::string from;
    std::string to;
  };
  std::vector<RenameLine> renames;
  // --import: keys of this RDB file are added at the start; empty: none.
  std::string import_path;
  std::string import_pattern;  // only those that match; empty: all
  int64_t import_db = -1;      // only those of this database; negative: of all
  // `user` lines: where each stands, the words behind "user".
  struct UserLine {
    std::string where;
    std::vector<std::string> words;
  };
  std::vector<UserLine> users;
  std::vector<std::string> warnings;  // what is asked for and isn't there yet
  std::string error;                  // not empty: the first mistake, with where it stands
};

struct OptionSources {
  std::string file;                       // "-" is stdin, empty: none
  std::vector<std::string> environment;   // NAME=value, others than LARDER_* are passed over
  std::vector<std::string> command_line;  // --option value ... --option value ...
};

LoadedOptions load_options(const OptionSources& sources);

// Takes the lines of a redis.conf over into `loaded`. `name` is for messages. Never throws; the
// entry of the fuzz target.
void load_config_text(Bytes text, const std::string& name, LoadedOptions& loaded);

}  // namespace larder
