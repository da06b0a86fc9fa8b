#include "client/bench/help.h"

namespace larder::bench {
namespace {

constexpr size_t kNameColumns = 30;
constexpr size_t kColumns = 100;

}  // namespace

HelpFormatter::HelpFormatter() { column_width(kNameColumns); }

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  // Checks add what they allow behind a colon.
  const std::string type = option->get_type_name();
  const std::string name = type.substr(0, type.find(':'));
  return name.empty() ? "" : " " + name;
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  std::string text = option->get_description();
  if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
  return wrap(text, kColumns - kNameColumns);
}

std::string wrap(const std::string& text, size_t columns) {
  std::string wrapped;
  size_t line = 0;  // its start in `wrapped`
  size_t start = 0;
  while (start < text.size()) {
    const size_t end = std::min(text.find(' ', start), text.size());
    const bool first = wrapped.size() == line;
    if (!first && wrapped.size() - line + 1 + end - start > columns) {
      wrapped += '\n';
      line = wrapped.size();
    } else if (!first) {
      wrapped += ' ';
    }
    wrapped += text.substr(start, end - start);
    start = end + 1;
  }
  return wrapped;
}

}  // namespace larder::bench
