#include "server/admin/options.h"

#include "base/check.h"
#include "base/numbers.h"
#include "base/quoting.h"
#include "server/admin/option_values.h"
#include "server/engine/registry.h"

namespace larder {
namespace {

size_t row_of(const OptionSpec& option) {
  return static_cast<size_t>(&option - option_table().data());
}

}  // namespace

bool is_list(OptionKind kind) {
  switch (kind) {
    case OptionKind::words:
    case OptionKind::choices_list:
    case OptionKind::percentiles:
    case OptionKind::oom_scores:
    case OptionKind::save_points:
    case OptionKind::buffer_limits:
    case OptionKind::ttl_rules:
    case OptionKind::peer:
      return true;
    default:
      return false;
  }
}

Options::Options() {
  values_.reserve(option_table().size());
  for (const OptionSpec& option : option_table()) {
    values_.push_back({std::string(option.standard), OptionSource::standard});
  }
}

const OptionSpec* Options::find(Bytes name) {
  const std::string lower = lower_case(name);
  for (const OptionSpec& option : option_table()) {
    if (lower == option.name || (!option.alias.empty() && lower == option.alias)) return &option;
  }
  return nullptr;
}

std::pair<std::string, std::string> Options::checked(const OptionSpec& option, Bytes text) const {
  return check_value(option, values_[row_of(option)].text, text);
}

std::string Options::assign_text(const OptionSpec& option, Bytes text, OptionSource source) {
  auto [checked_text, error] = checked(option, text);
  if (!error.empty()) return error;
  value(option) = {std::move(checked_text), source};
  return "";
}

std::string Options::assign(const OptionSpec& option, const std::vector<std::string>& words,
                            OptionSource source) {
  const bool several = is_list(option.kind);
  const bool may_be_none = option.kind == OptionKind::save_points;  // as in Redis: never save
  if ((words.empty() && !may_be_none) || (!several && words.size() != 1)) {
    return "wrong number of arguments";
  }
  std::string text = several ? joined_words(words) : words[0];
  // One argument is looked into again, as in Redis: `--save '""'` of many a compose file.
  if (several && words.size() == 1 && (text.starts_with('"') || text.starts_with('\''))) {
    const auto inner = split_line(text);
    if (!inner) return "unbalanced quotes";
    text = joined_words(*inner);
  }
  // Some lines add up, except over a default and over a weaker source.
  const Value& before = value(option);
  const bool adds_up =
      option.kind == OptionKind::save_points || option.kind == OptionKind::ttl_rules;
  if (adds_up && before.source == source && !text.empty()) {
    text = before.text + " " + text;
  }
  return assign_text(option, text, source);
}

Options::Value& Options::value(const OptionSpec& option) { return values_[row_of(option)]; }

const Options::Value& Options::value(Bytes name) const {
  const OptionSpec* option = find(name);
  CHECK(option != nullptr);
  return values_[row_of(*option)];
}

const std::string& Options::text(Bytes name) const { return value(name).text; }

int64_t Options::integer(Bytes name) const { return parse_int64(text(name)).value_or(0); }

int64_t Options::bytes(Bytes name) const { return drawn_bytes(text(name)); }

std::vector<std::string> Options::words(Bytes name) const { return split_words(text(name)); }

OptionSource Options::source(Bytes name) const { return value(name).source; }

bool Options::is_standard(const OptionSpec& option) const {
  return values_[row_of(option)].text == option.standard;
}

}  // namespace larder
