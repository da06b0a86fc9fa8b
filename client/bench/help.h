// How --help looks: one short name for what an option takes, its default in brackets, lines that
// fit a terminal.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace larder::bench {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
};

// `text` with line breaks instead of spaces, so that no line is longer than `columns` unless a
// word is.
std::string wrap(const std::string& text, size_t columns);

}  // namespace larder::bench
