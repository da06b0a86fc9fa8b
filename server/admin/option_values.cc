// What a value must look like, by kind of option: the checks of CONFIG SET and of larder.conf, with
// the words in which Redis refuses a value. Nothing here knows current values but the text before.
#include "server/admin/option_values.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>

#include "base/duration.h"
#include "base/numbers.h"
#include "server/admin/machine.h"
#include "server/engine/keyspace_events.h"
#include "server/engine/registry.h"
#include "storage/ttl_rules.h"

namespace larder {
namespace {

using Checked = CheckedValue;

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
  return {std::to_string(std::clamp(*value, option.least, option.most)), ""};
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

// 1k = 1000, 1kb = 1024, up to gb. Nothing at all is zero and too many digits are the largest
// number, as Redis has it; what only its unit makes too large is no value.
std::optional<uint64_t> parse_memory(Bytes text) {
  struct Unit {
    Bytes name;
    uint64_t bytes;
  };
  constexpr Unit kUnits[] = {{"", 1},
                             {"b", 1},
                             {"k", 1000},
                             {"kb", 1024},
                             {"m", 1000 * 1000},
                             {"mb", 1024 * 1024},
                             {"g", 1000LL * 1000 * 1000},
                             {"gb", 1024LL * 1024 * 1024}};
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const std::string unit = lower_case(text.substr(digits));
  const auto found = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const Unit& each) { return each.name == unit; });
  if (found == std::end(kUnits)) return {};
  uint64_t bytes = 0;
  for (const char digit : text.substr(0, digits)) {
    if (__builtin_mul_overflow(bytes, 10, &bytes) ||
        __builtin_add_overflow(bytes, digit - '0', &bytes)) {
      bytes = std::numeric_limits<uint64_t>::max();
      break;
    }
  }
  if (__builtin_mul_overflow(bytes, found->bytes, &bytes)) return {};
  return bytes;
}

Checked check_memory(const OptionSpec& option, Bytes text, const char* no_value = kNotMemory) {
  const auto bytes = parse_memory(text);
  if (!bytes) return wrong(no_value);
  if (std::cmp_less(*bytes, option.low) || std::cmp_greater(*bytes, option.high)) {
    return wrong(out_of_range(option));
  }
  return {std::to_string(std::max(static_cast<int64_t>(*bytes), option.least)), ""};
}

Checked check_memory_share(const OptionSpec& option, Bytes text) {
  static constexpr char kNotShare[] = "argument must be a memory or percent value";
  if (text.empty() || text.back() != '%') return check_memory(option, text, kNotShare);
  const auto percent = parse_int64(text.substr(0, text.size() - 1));
  if (!percent || *percent < 0) return wrong(kNotShare);
  if (*percent > 100) return wrong("percentage argument must be less or equal to 100");
  return {*percent == 0 ? "0" : std::string(text), ""};
}

Checked check_machine_share(Bytes text) {
  if (text.empty() || text.back() != '%') {
    const auto bytes = parse_memory(text);
    return bytes ? Checked{std::to_string(*bytes), ""} : wrong(kNotMemory);
  }
  const auto percent = parse_int64(text.substr(0, text.size() - 1));
  if (!percent || *percent < 1 || *percent > 100) {
    return wrong("argument must be a memory value, or a percentage from 1% to 100%");
  }
  return {std::to_string(usable_memory_bytes() / 100 * *percent), ""};
}

// Several choices are kept in the table's order, each once.
Checked check_choices(const OptionSpec& option, const std::vector<std::string>& words) {
  const std::vector<std::string> choices = split_words(option.choices);
  std::vector<std::string> left;
  for (const std::string& word : words) left.push_back(lower_case(word));
  std::vector<std::string> taken;
  for (const std::string& choice : choices) {
    if (std::erase(left, lower_case(choice)) > 0) taken.push_back(choice);
  }
  if (left.empty() && !taken.empty()) return {joined_words(taken), ""};
  std::string all;
  for (const std::string& choice : choices) all += (all.empty() ? "" : ", ") + choice;
  return wrong("argument(s) must be one of the following: " + all);
}

// SHUTDOWN's words: what a signal asks for.
Checked check_choices_list(const OptionSpec& option, Bytes text) {
  Checked checked = check_choices(option, split_words(text));
  const std::vector<std::string> taken = split_words(checked.first);
  const auto is_taken = [&](Bytes word) {
    return std::find(taken.begin(), taken.end(), word) != taken.end();
  };
  if (is_taken("save") && is_taken("nosave")) {
    return wrong("shutdown options SAVE and NOSAVE can't be used simultaneously");
  }
  return checked;
}

Checked check_percentiles(Bytes text) {
  std::vector<std::string> values;
  for (const std::string& word : split_words(text)) {
    const auto value = parse_double(word);
    if (!value) return wrong("Invalid latency-tracking-info-percentiles parameters");
    if (!(*value >= 0 && *value <= 100)) {
      return wrong(
          "latency-tracking-info-percentiles parameters should sit "
          "between [0.0,100.0]");
    }
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.10g", *value);
    values.emplace_back(digits);
  }
  return {joined_words(values), ""};
}

// How likely the system's out-of-memory killer is to choose primaries, replicas
// and children.
Checked check_oom_scores(const std::string& before, Bytes text) {
  constexpr int64_t kScoreMax = 2000;
  const std::vector<std::string> words = split_words(text);
  if (words.size() != split_words(before).size()) return wrong("wrong number of arguments");
  std::vector<std::string> scores;
  for (const std::string& word : words) {
    const auto score = parse_int64(word);
    if (!score || *score < -kScoreMax || *score > kScoreMax) {
      return wrong(
          "Invalid oom-score-adj-values, elements must be between "
          "-2000 and 2000.");
    }
    scores.push_back(std::to_string(*score));
  }
  return {joined_words(scores), ""};
}

Checked check_event_classes(Bytes text) {
  const auto classes = parse_event_classes(text);
  if (!classes) return wrong("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  return {event_class_letters(*classes), ""};
}

Checked check_save_points(Bytes text) {
  const std::vector<std::string> words = split_words(text);
  if (words.size() % 2 != 0) return wrong("Invalid save parameters");
  for (size_t i = 0; i < words.size(); ++i) {
    const auto number = parse_int64(words[i]);
    if (!number || *number < (i % 2 == 0 ? 1 : 0)) return wrong("Invalid save parameters");
  }
  return {joined_words(words), ""};
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
  // Words are parted by one space each, as Redis wants it.
  if (words.size() % 4 != 0 || joined_words(words) != text) {
    return wrong("Wrong number of arguments in buffer limit configuration.");
  }
  for (size_t i = 0; i < words.size(); i += 4) {
    const auto which = buffer_class(words[i]);
    if (!which) return wrong("Invalid client class specified in buffer limit configuration.");
    const auto hard = parse_memory(words[i + 1]);
    const auto soft = parse_memory(words[i + 2]);
    const auto seconds = parse_int64(words[i + 3]);
    if (!hard || !soft || !seconds || *seconds < 0) {
      return wrong(
          "Error in hard, soft or soft_seconds setting in buffer "
          "limit configuration.");
    }
    all[*which * 4 + 1] = std::to_string(*hard);
    all[*which * 4 + 2] = std::to_string(*soft);
    all[*which * 4 + 3] = std::to_string(*seconds);
  }
  return {joined_words(all), ""};
}

Checked check_duration(Bytes text) {
  const auto ms = parse_duration_ms(text);
  if (!ms) return wrong("argument must be seconds or a time such as 90s, 1500ms, 15m, 2h, 1d");
  return {duration_text(*ms), ""};
}

Checked check_sliding(Bytes text) {
  int64_t ms = 0;
  if (!parse_sliding(lower_case(text), ms)) {
    return wrong("argument must be 'yes', 'no' or a time such as 90s, 15m, 2h, 1d");
  }
  if (ms == TtlRule::kSlidesAsGiven) return {"yes", ""};
  return {ms == 0 ? "no" : duration_text(ms), ""};
}

Checked check_ttl_rules(Bytes text) {
  const std::vector<std::string> words = split_words(text);
  std::vector<TtlRule> rules;
  std::string error = parse_ttl_rules(words, {}, rules);
  if (!error.empty()) return wrong(std::move(error));
  return {joined_words(words), ""};
}

Checked check_file_name(const OptionSpec& option, Bytes text) {
  const std::string name(option.name);
  if (text.empty()) return wrong(name + " can't be empty");
  if (text.find('/') == Bytes::npos) return {std::string(text), ""};
  return wrong(name + " can't be a path, just a " +
               (name.ends_with("dirname") ? "dirname" : "filename"));
}

Checked check_peer(Bytes text) {
  const std::vector<std::string> words = split_words(text);
  if (words.empty()) return {"", ""};
  if (words.size() != 2) return wrong("wrong number of arguments");
  if (lower_case(words[0]) == "no" && lower_case(words[1]) == "one") return {"", ""};
  const auto port = parse_int64(words[1]);
  if (!port || *port < 0 || *port > UINT16_MAX) return wrong("Invalid master port");
  return {joined_words(words), ""};
}

}  // namespace

int64_t drawn_bytes(Bytes text) {
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::min(parse_uint64(text).value_or(0), kMost));
}

std::string joined_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

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

CheckedValue check_value(const OptionSpec& option, const std::string& before, Bytes text) {
  switch (option.kind) {
    case OptionKind::boolean:
      return check_boolean(text);
    case OptionKind::integer:
      return check_integer(option, text);
    case OptionKind::octal:
      return check_octal(text);
    case OptionKind::memory:
      return check_memory(option, text);
    case OptionKind::memory_share:
      return check_memory_share(option, text);
    case OptionKind::machine_share:
      return check_machine_share(text);
    case OptionKind::choice:
      return check_choices(option, {std::string(text)});
    case OptionKind::choices_list:
      return check_choices_list(option, text);
    case OptionKind::text:
      return option.file_name ? check_file_name(option, text) : Checked{std::string(text), ""};
    case OptionKind::words:
      return {joined_words(split_words(text)), ""};
    case OptionKind::percentiles:
      return check_percentiles(text);
    case OptionKind::oom_scores:
      return check_oom_scores(before, text);
    case OptionKind::event_classes:
      return check_event_classes(text);
    case OptionKind::save_points:
      return check_save_points(text);
    case OptionKind::buffer_limits:
      return check_buffer_limits(before, text);
    case OptionKind::duration:
      return check_duration(text);
    case OptionKind::sliding:
      return check_sliding(text);
    case OptionKind::ttl_rules:
      return check_ttl_rules(text);
    case OptionKind::peer:
      return check_peer(text);
  }
  return wrong("unknown kind");
}

}  // namespace larder
