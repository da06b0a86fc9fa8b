// Texts made from the option table: a larder.conf, a redis.conf-like rewrite, docs/config.md.
#pragma once

#include <string>

#include "server/admin/options.h"

namespace larder {

// One line of larder.conf with the option's value, quoted where needed.
std::string config_line(const OptionSpec& option, const std::string& value);
// A whole larder.conf: every working option with its description; values that differ from the
// default are set, the others stand behind a '#'.
std::string print_config(const Options& options);
// docs/config.md.
std::string print_config_docs();
// The text of a configuration file with the current values in place of the old ones: comments and
// order stay, options not in it that differ from their default (`all`: any) are added at the end.
std::string rewritten_config(const std::string& old_text, const Options& options,
                             const std::vector<std::string>& users, bool all);

}  // namespace larder
