#include "storage/ttl_rules.h"

#include <algorithm>

#include "base/duration.h"
#include "base/glob.h"
#include "base/numbers.h"
#include "storage/entry.h"

namespace larder {
namespace {

// A pattern stands alone, a setting has a name and '='.
enum class Word : uint8_t { pattern, default_life, max_life, jitter, sliding };

Word kind_of(Bytes word, Bytes& value) {
  constexpr std::pair<Bytes, Word> kNames[] = {{"default=", Word::default_life},
                                               {"max=", Word::max_life},
                                               {"jitter=", Word::jitter},
                                               {"sliding=", Word::sliding}};
  for (const auto& [name, kind] : kNames) {
    if (!word.starts_with(name)) continue;
    value = word.substr(name.size());
    return kind;
  }
  return Word::pattern;
}

bool take_duration(Bytes text, int64_t& ms) {
  const auto value = text == "none" ? std::optional<int64_t>(0) : parse_duration_ms(text);
  if (value) ms = *value;
  return value.has_value();
}

bool take_percent(Bytes text, int64_t& percent) {
  const auto value = parse_int64(text);
  if (!value || *value < 0 || *value > 100) return false;
  percent = *value;
  return true;
}

bool take_setting(Word kind, Bytes value, TtlRule& rule) {
  switch (kind) {
    case Word::default_life:
      return take_duration(value, rule.default_ms);
    case Word::max_life:
      return take_duration(value, rule.max_ms);
    case Word::jitter:
      return take_percent(value, rule.jitter_percent);
    case Word::sliding:
      return parse_sliding(value, rule.sliding_ms);
    case Word::pattern:
      break;
  }
  return false;
}

}  // namespace

int64_t TtlRule::renewal_ms() const {
  const int64_t as_given = default_ms > 0 ? default_ms : max_ms;
  const int64_t wanted = sliding_ms == kSlidesAsGiven ? as_given : sliding_ms;
  return max_ms > 0 ? std::min(wanted, max_ms) : wanted;
}

int64_t governed_expiry(const TtlRule& rule, const LifeGiven& given) {
  const bool eternal = given.expiry_ms == kNoExpiry;
  if (eternal && given.how == LifeGiven::How::for_good && rule.max_ms == 0) return kNoExpiry;
  int64_t life_ms = eternal ? 0 : given.expiry_ms - given.now_ms;
  if (eternal && given.how != LifeGiven::How::for_good) life_ms = rule.default_ms;
  if (life_ms == 0) life_ms = rule.max_ms;
  if (life_ms == 0) return given.expiry_ms;
  const int64_t asked_ms = life_ms;
  if (rule.max_ms > 0) life_ms = std::min(life_ms, rule.max_ms);
  if (rule.jitter_percent > 0 && (eternal || given.how == LifeGiven::How::asked)) {
    constexpr double kRandoms = 4294967296.0;
    const double part = static_cast<double>(given.random >> 32) / kRandoms;
    life_ms -= static_cast<int64_t>(static_cast<double>(life_ms) * part *
                                    static_cast<double>(rule.jitter_percent) / 100);
  }
  if (!eternal && life_ms == asked_ms) return given.expiry_ms;
  return given.now_ms + std::max<int64_t>(life_ms, 1);
}

TtlRules::TtlRules(std::vector<TtlRule> rules, TtlRule rest)
    : rules_(std::move(rules)), rest_(std::move(rest)) {
  const auto note = [this](const TtlRule& rule) {
    govern_ = govern_ || !rule.idle();
    slide_ = slide_ || rule.renewal_ms() > 0;
  };
  for (const TtlRule& rule : rules_) note(rule);
  note(rest_);
}

const TtlRule& TtlRules::of(Bytes key) const {
  for (const TtlRule& rule : rules_) {
    if (glob_match(rule.pattern, key)) return rule;
  }
  return rest_;
}

bool parse_sliding(Bytes text, int64_t& sliding_ms) {
  if (text == "yes") {
    sliding_ms = TtlRule::kSlidesAsGiven;
    return true;
  }
  if (text != "no") return take_duration(text, sliding_ms);
  sliding_ms = 0;
  return true;
}

std::string parse_ttl_rules(const std::vector<std::string>& words, const TtlRule& rest,
                            std::vector<TtlRule>& rules) {
  bool complete = true;  // the last pattern has a setting
  for (const std::string& word : words) {
    Bytes value;
    const Word kind = kind_of(word, value);
    if (kind == Word::pattern) {
      if (!complete) break;
      rules.push_back(rest);
      rules.back().pattern = word;
      complete = false;
    } else if (rules.empty()) {
      return "a rule begins with a pattern, not with '" + word + "'";
    } else if (!take_setting(kind, value, rules.back())) {
      return "'" + word +
             "' is none of default=, max= with a time such as 90s, 15m, 2h, 1d or "
             "none, jitter= with a percentage, sliding= with yes, no or a time";
    } else {
      complete = true;
    }
  }
  if (!complete) {
    return "the rule of '" + rules.back().pattern +
           "' names none of default=, max=, jitter=, sliding=";
  }
  if (rules.size() > TtlRules::kRulesMax) {
    return "more than " + std::to_string(TtlRules::kRulesMax) + " rules";
  }
  return "";
}

}  // namespace larder
