// How long keys live when the operator has a say in it: defaults, bounds, jitter and renewal, by
// patterns of key names.
//
//   ttl-rule session:* default=30m sliding=yes     first match wins; what a rule does not name
//   ttl-rule tmp:* max=1h jitter=10                is taken from the options default-ttl, max-ttl,
//                                                  ttl-jitter and sliding-ttl
//
// A rule sees a write's outcome: the expiry a key was given, or none. It answers the expiry the
// key gets. It never makes a life longer than what was asked for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder {

struct TtlRule {
  // sliding_ms: as long as the default, or the bound where there is no default.
  static constexpr int64_t kSlidesAsGiven = -1;

  std::string pattern = "*";
  int64_t default_ms = 0;      // of keys that are given no life; 0: they live for good
  int64_t max_ms = 0;          // no longer life than this, for good included; 0: any
  int64_t jitter_percent = 0;  // a life is shortened by up to this share of it
  int64_t sliding_ms = 0;      // a read makes the life left at least this long; 0: it does not

  bool idle() const { return default_ms == 0 && max_ms == 0 && jitter_percent == 0; }
  // What a read renews to; 0: nothing.
  int64_t renewal_ms() const;
};

// What a write did to a key's life.
struct LifeGiven {
  enum class How : uint8_t {
    asked,     // by this write, or it asked for none
    carried,   // the key brought it along (RENAME, COPY, RESTORE)
    for_good,  // PERSIST: none was wanted
  };
  How how = How::asked;
  int64_t expiry_ms = -1;  // kNoExpiry: none
  int64_t now_ms = 0;
  uint64_t random = 0;
};

// The expiry that the rule makes of it; kNoExpiry: none.
int64_t governed_expiry(const TtlRule& rule, const LifeGiven& given);

class TtlRules {
 public:
  static constexpr size_t kRulesMax = 128;  // each write tries them in turn, under a lock

  // `rest` holds for keys that no rule matches.
  TtlRules(std::vector<TtlRule> rules, TtlRule rest);

  const TtlRule& of(Bytes key) const;
  // Whether some key's life may change at all, and whether reads renew some.
  bool govern() const { return govern_; }
  bool slide() const { return slide_; }

 private:
  std::vector<TtlRule> rules_;
  TtlRule rest_;
  bool govern_ = false;
  bool slide_ = false;
};

// Reads `pattern name=value ... pattern name=value ...`; what is not named is as in `rest`. Returns
// what is wrong, or nothing.
std::string parse_ttl_rules(const std::vector<std::string>& words, const TtlRule& rest,
                            std::vector<TtlRule>& rules);
// `no`, `yes` or a length of time, as a rule keeps it. False when it is none of these.
bool parse_sliding(Bytes text, int64_t& sliding_ms);

}  // namespace larder
