#include "storage/ttl_rules.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "storage/entry.h"

namespace larder::ttl_rules_test {
namespace {

using How = LifeGiven::How;
constexpr int64_t kNow = 1'700'000'000'000;
constexpr uint64_t kMostRandom = ~uint64_t{0};

int64_t life_of(const TtlRule& rule, How how, int64_t life_ms, uint64_t random = 0) {
  const int64_t expiry = life_ms == kNoExpiry ? kNoExpiry : kNow + life_ms;
  const int64_t governed = governed_expiry(rule, {how, expiry, kNow, random});
  return governed == kNoExpiry ? kNoExpiry : governed - kNow;
}

TEST(TtlRule, a_default_is_for_keys_without_a_life) {
  const TtlRule rule{.default_ms = 1000};
  EXPECT_EQ(life_of(rule, How::asked, kNoExpiry), 1000);
  EXPECT_EQ(life_of(rule, How::carried, kNoExpiry), 1000);
  EXPECT_EQ(life_of(rule, How::asked, 5000), 5000);
  EXPECT_EQ(life_of(rule, How::for_good, kNoExpiry), kNoExpiry);
}

TEST(TtlRule, a_bound_holds_for_all) {
  const TtlRule rule{.default_ms = 3000, .max_ms = 2000};
  EXPECT_EQ(life_of(rule, How::asked, kNoExpiry), 2000);
  EXPECT_EQ(life_of(rule, How::asked, 5000), 2000);
  EXPECT_EQ(life_of(rule, How::carried, 5000), 2000);
  EXPECT_EQ(life_of(rule, How::asked, 1000), 1000);
  EXPECT_EQ(life_of(rule, How::for_good, kNoExpiry), 2000);
  EXPECT_EQ(life_of({.max_ms = 2000}, How::asked, kNoExpiry), 2000);
}

TEST(TtlRule, jitter_shortens) {
  const TtlRule rule{.default_ms = 1000, .jitter_percent = 10};
  EXPECT_EQ(life_of(rule, How::asked, kNoExpiry, 0), 1000);
  EXPECT_NEAR(static_cast<double>(life_of(rule, How::asked, kNoExpiry, kMostRandom)), 900, 1);
  EXPECT_NEAR(static_cast<double>(life_of(rule, How::asked, 2000, kMostRandom)), 1800, 1);
  EXPECT_EQ(life_of(rule, How::carried, 2000, kMostRandom), 2000);
  EXPECT_GE(life_of({.default_ms = 1, .jitter_percent = 100}, How::asked, kNoExpiry, kMostRandom),
            1);
}

TEST(TtlRule, renewal) {
  EXPECT_EQ(TtlRule{}.renewal_ms(), 0);
  EXPECT_EQ((TtlRule{.default_ms = 5, .sliding_ms = TtlRule::kSlidesAsGiven}).renewal_ms(), 5);
  EXPECT_EQ((TtlRule{.max_ms = 7, .sliding_ms = TtlRule::kSlidesAsGiven}).renewal_ms(), 7);
  EXPECT_EQ((TtlRule{.sliding_ms = TtlRule::kSlidesAsGiven}).renewal_ms(), 0);
  EXPECT_EQ((TtlRule{.default_ms = 5, .max_ms = 7, .sliding_ms = 9}).renewal_ms(), 7);
}

RC_GTEST_PROP(TtlRule, never_longer_than_asked_or_allowed, ()) {
  const auto ms = rc::gen::inRange<int64_t>(0, 100'000);
  const TtlRule rule{
      .default_ms = *ms, .max_ms = *ms, .jitter_percent = *rc::gen::inRange<int64_t>(0, 101)};
  const bool eternal = *rc::gen::arbitrary<bool>();
  const int64_t asked = eternal ? kNoExpiry : *rc::gen::inRange<int64_t>(1, 100'000);
  const auto how = *rc::gen::element(How::asked, How::carried, How::for_good);
  const int64_t life =
      life_of(rule, eternal ? how : How::asked, asked, *rc::gen::arbitrary<uint64_t>());
  if (rule.max_ms > 0) RC_ASSERT(life != kNoExpiry && life <= rule.max_ms);
  if (!eternal) RC_ASSERT(life <= asked);
  RC_ASSERT(life == kNoExpiry || life >= 1);
}

std::string parsed(const std::vector<std::string>& words, std::vector<TtlRule>& rules) {
  rules.clear();
  return parse_ttl_rules(words, {.default_ms = 7}, rules);
}

TEST(TtlRules, are_parsed) {
  std::vector<TtlRule> rules;
  EXPECT_EQ(
      parsed({"a:*", "default=30m", "sliding=yes", "b:*", "max=1h", "jitter=10", "default=none"},
             rules),
      "");
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0].pattern, "a:*");
  EXPECT_EQ(rules[0].default_ms, 30 * 60 * 1000);
  EXPECT_EQ(rules[0].sliding_ms, TtlRule::kSlidesAsGiven);
  EXPECT_EQ(rules[1].max_ms, 60 * 60 * 1000);
  EXPECT_EQ(rules[1].jitter_percent, 10);
  EXPECT_EQ(rules[1].default_ms, 0);
  EXPECT_EQ(parsed({"a:*", "max=9"}, rules), "");
  EXPECT_EQ(rules[0].default_ms, 7) << "from the options";
}

TEST(TtlRules, faults_are_named) {
  std::vector<TtlRule> rules;
  EXPECT_EQ(parsed({"default=9"}, rules), "a rule begins with a pattern, not with 'default=9'");
  EXPECT_NE(parsed({"a:*"}, rules).find("'a:*' names none of"), std::string::npos);
  EXPECT_NE(parsed({"a:*", "b:*", "max=9"}, rules).find("'a:*' names none of"), std::string::npos);
  for (const char* setting : {"default=x", "max=-1", "jitter=101", "jitter=", "sliding=maybe"}) {
    EXPECT_NE(parsed({"a", setting}, rules).find("is none of"), std::string::npos) << setting;
  }
  std::vector<std::string> many;
  for (size_t i = 0; i <= TtlRules::kRulesMax; ++i) many.insert(many.end(), {"a", "max=9"});
  EXPECT_EQ(parsed(many, rules), "more than 128 rules");
}

TEST(TtlRules, the_first_match_holds) {
  const TtlRules rules({{.pattern = "a:*", .default_ms = 1}, {.pattern = "a*", .default_ms = 2}},
                       {.default_ms = 3});
  EXPECT_EQ(rules.of("a:b").default_ms, 1);
  EXPECT_EQ(rules.of("ab").default_ms, 2);
  EXPECT_EQ(rules.of("b").default_ms, 3);
  EXPECT_TRUE(rules.govern());
  EXPECT_FALSE(rules.slide());
}

}  // namespace
}  // namespace larder::ttl_rules_test
