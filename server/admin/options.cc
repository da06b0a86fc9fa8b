#include "server/admin/options.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/numbers.h"
#include "server/commands/keyspace_events.h"
#include "server/commands/registry.h"

namespace larder {
namespace {

using Checked = std::pair<std::string, std::string>;  // value, what is wrong

Checked wrong(std::string why) { return {"", std::move(why)}; }

constexpr char kNotInteger[] = "argument couldn't be parsed into an integer";
constexpr char kNotMemory[] = "argument must be a memory value";

std::string out_of_range(const OptionSpec& option) {
  return "argument must be between " + std::to_string(option.low) + " and " +
         std::to_string(option.high) + " inclusive";
}

Checked check_boolean(Bytes text) {
  const std::string lower = lower_case(text);
  return lower == "yes" || lower == "no" ? Checked{lower, ""}
                                         : wrong("argument must be 'yes' or 'no'");
}

Checked check_integer(const OptionSpec& option, Bytes text) {
  const auto value = parse_int64(text);
  if (!value) return wrong(kNotInteger);
  if (*value < option.low || *value > option.high) return wrong(out_of_range(option));
  return {std::to_string(*value), ""};
}

Checked check_octal(Bytes text) {
  constexpr unsigned kPermissionsMax = 0777;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return wrong("argument couldn't be parsed into an integer");
    value = value * 8 + static_cast<unsigned>(c - '0');
    if (value > kPermissionsMax) return wrong("argument must be between 0 and 777 inclusive");
  }
  char digits[8];
  std::snprintf(digits, sizeof digits, "%o", value);
  return {digits, ""};
}

// 1k = 1000, 1kb = 1024, up to gb.
std::optional<int64_t> parse_memory(Bytes text) {
  struct Unit {
    Bytes name;
    int64_t bytes;
  };
  constexpr Unit kUnits[] = {{"", 1}, {"b", 1}, {"k", 1000}, {"kb", 1024}, {"m", 1000 * 1000},
                             {"mb", 1024 * 1024}, {"g", 1000LL * 1000 * 1000},
                             {"gb", 1024LL * 1024 * 1024}};
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const auto count = parse_int64(text.substr(0, digits));
  const std::string unit = lower_case(text.substr(digits));
  const auto found = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const Unit& each) { return each.name == unit; });
  int64_t bytes = 0;
  if (!count || found == std::end(kUnits) || __builtin_mul_overflow(*count, found->bytes, &bytes)) {
    return {};
  }
  return bytes;
}

Checked check_memory(const OptionSpec& option, Bytes text) {
  const auto bytes = parse_memory(text);
  if (!bytes) return wrong(kNotMemory);
  if (*bytes < option.low || *bytes > option.high) return wrong(out_of_range(option));
  return {std::to_string(*bytes), ""};
}

Checked check_memory_share(const OptionSpec& option, Bytes text) {
  if (text.empty() || text.back() != '%') return check_memory(option, text);
  const auto percent = parse_int64(text.substr(0, text.size() - 1));
  if (!percent || *percent < 0 || *percent > 100) {
    return wrong("argument must be a memory or percent value");
  }
  return {std::string(text), ""};
}

Checked check_choices(const OptionSpec& option, const std::vector<std::string>& words) {
  const std::vector<std::string> choices = split_words(option.choices);
  std::string value;
  for (const std::string& word : words) {
    const std::string lower = lower_case(word);
    if (std::find(choices.begin(), choices.end(), lower) == choices.end()) {
      std::string all;
      for (const std::string& choice : choices) all += (all.empty() ? "" : ", ") + choice;
      return wrong("argument(s) must be one of the following: " + all);
    }
    value += (value.empty() ? "" : " ") + lower;
  }
  return {value, ""};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

Checked check_save_points(Bytes text) {
  const std::vector<std::string> words = split_words(text);
  if (words.size() % 2 != 0) return wrong("Invalid save parameters");
  for (size_t i = 0; i < words.size(); ++i) {
    const auto number = parse_int64(words[i]);
    if (!number || *number < (i % 2 == 0 ? 1 : 0)) return wrong("Invalid save parameters");
  }
  return {joined(words), ""};
}

// Classes in the order Redis prints them, by each of their names.
constexpr std::array<std::array<Bytes, 2>, 3> kBufferClasses{
    {{"normal", "normal"}, {"slave", "replica"}, {"pubsub", "pubsub"}}};

std::optional<size_t> buffer_class(const std::string& name) {
  const std::string lower = lower_case(name);
  for (size_t i = 0; i < kBufferClasses.size(); ++i) {
    if (lower == kBufferClasses[i][0] || lower == kBufferClasses[i][1]) return i;
  }
  return {};
}

// `before` is the value so far: twelve words, three classes.
Checked check_buffer_limits(const std::string& before, Bytes text) {
  std::vector<std::string> all = split_words(before);
  const std::vector<std::string> words = split_words(text);
  if (words.empty() || words.size() % 4 != 0) {
    return wrong("Wrong number of arguments in buffer limit configuration.");
  }
  for (size_t i = 0; i < words.size(); i += 4) {
    const auto which = buffer_class(words[i]);
    if (!which) return wrong("Invalid client class specified in buffer limit configuration.");
    const auto hard = parse_memory(words[i + 1]);
    const auto soft = parse_memory(words[i + 2]);
    const auto seconds = parse_int64(words[i + 3]);
    if (!hard || !soft || !seconds || *seconds < 0) {
      return wrong("Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    }
    all[*which * 4 + 1] = std::to_string(*hard);
    all[*which * 4 + 2] = std::to_string(*soft);
    all[*which * 4 + 3] = std::to_string(*seconds);
  }
  return {joined(all), ""};
}

Checked check_event_classes(Bytes text) {
  const auto classes = parse_event_classes(text);
  if (!classes) return wrong("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  return {event_class_letters(*classes), ""};
}

size_t row_of(const OptionSpec& option) {
  return static_cast<size_t>(&option - option_table().data());
}

}  // namespace

std::vector<std::string> split_words(Bytes text) {
  std::vector<std::string> words;
  size_t at = 0;
  while ((at = text.find_first_not_of(' ', at)) != Bytes::npos) {
    const size_t end = std::min(text.find(' ', at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
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
  switch (option.kind) {
    case OptionKind::boolean: return check_boolean(text);
    case OptionKind::integer: return check_integer(option, text);
    case OptionKind::octal: return check_octal(text);
    case OptionKind::memory: return check_memory(option, text);
    case OptionKind::memory_share: return check_memory_share(option, text);
    case OptionKind::choice: return check_choices(option, {std::string(text)});
    case OptionKind::choices_list: return check_choices(option, split_words(text));
    case OptionKind::text: return {std::string(text), ""};
    case OptionKind::words: return {joined(split_words(text)), ""};
    case OptionKind::save_points: return check_save_points(text);
    case OptionKind::event_classes: return check_event_classes(text);
    case OptionKind::buffer_limits:
      return check_buffer_limits(values_[row_of(option)].text, text);
  }
  return wrong("unknown kind");
}

std::string Options::assign_text(const OptionSpec& option, Bytes text, OptionSource source) {
  auto [checked_text, error] = checked(option, text);
  if (!error.empty()) return error;
  value(option) = {std::move(checked_text), source};
  return "";
}

std::string Options::assign(const OptionSpec& option, const std::vector<std::string>& words,
                            OptionSource source) {
  const bool several = option.kind == OptionKind::words ||
                       option.kind == OptionKind::save_points ||
                       option.kind == OptionKind::choices_list ||
                       option.kind == OptionKind::buffer_limits;
  if (words.empty() || (!several && words.size() != 1)) return "wrong number of arguments";
  std::string text = several ? joined(words) : words[0];
  // Lines of `save` add up, except over a default and over a weaker source.
  const Value& before = value(option);
  if (option.kind == OptionKind::save_points && before.source == source && !text.empty()) {
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

std::vector<std::string> Options::words(Bytes name) const { return split_words(text(name)); }

OptionSource Options::source(Bytes name) const { return value(name).source; }

bool Options::is_standard(const OptionSpec& option) const {
  return values_[row_of(option)].text == option.standard;
}

}  // namespace larder
