#include "base/glob.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace larder::glob_test {
namespace {

TEST(Glob, stars_and_question_marks) {
  EXPECT_TRUE(glob_match("*", "anything"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("h?llo", "hello"));
  EXPECT_FALSE(glob_match("h?llo", "hllo"));
  EXPECT_TRUE(glob_match("h*llo", "heeeello"));
  EXPECT_TRUE(glob_match("**a**", "xax"));
  EXPECT_TRUE(glob_match("a*", "a"));
  EXPECT_FALSE(glob_match("a", "ab"));
  EXPECT_FALSE(glob_match("", "a"));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("?", ""));
}

TEST(Glob, as_many_stars_as_redis_allows) {
  const auto stars = [](int count) {
    std::string pattern;
    for (int i = 0; i < count; ++i) pattern += "*?";
    return pattern;
  };
  const std::string text(5000, 'a');
  EXPECT_TRUE(glob_match(stars(1000), text));
  EXPECT_FALSE(glob_match(stars(1001), text));
  EXPECT_TRUE(glob_match(stars(1000) + std::string(2000, '*'), text));
}

TEST(Glob, sets) {
  EXPECT_TRUE(glob_match("h[ae]llo", "hallo"));
  EXPECT_FALSE(glob_match("h[ae]llo", "hillo"));
  EXPECT_TRUE(glob_match("h[^e]llo", "hallo"));
  EXPECT_FALSE(glob_match("h[^e]llo", "hello"));
  EXPECT_TRUE(glob_match("[a-c]", "b"));
  EXPECT_TRUE(glob_match("[c-a]", "b"));  // a range may be given backwards
  EXPECT_TRUE(glob_match("[\\]]", "]"));
  EXPECT_TRUE(glob_match("[\\^x]", "^"));
  EXPECT_FALSE(glob_match("[]", "]"));
  EXPECT_TRUE(glob_match("[^]", "q"));
  EXPECT_TRUE(glob_match("[\x80-\xff]", "\xc3"));
  EXPECT_FALSE(glob_match("[\x80-\xff]", "c"));
}

TEST(Glob, an_unfinished_set_ends_with_the_pattern) {
  EXPECT_TRUE(glob_match("[ab", "b"));
  EXPECT_FALSE(glob_match("[ab", "c"));
  EXPECT_FALSE(glob_match("[", "["));
  EXPECT_TRUE(glob_match("[\\", "\\"));
  EXPECT_TRUE(glob_match("[a-", "-"));
}

TEST(Glob, a_backslash_takes_the_next_byte_literally) {
  EXPECT_TRUE(glob_match("\\*", "*"));
  EXPECT_FALSE(glob_match("\\*", "x"));
  EXPECT_TRUE(glob_match("a\\", "a\\"));
  EXPECT_TRUE(glob_match("\\a\\[", "a["));
}

TEST(Glob, letters_can_be_ignored) {
  EXPECT_FALSE(glob_match("MAX*", "maxmemory"));
  EXPECT_TRUE(glob_match("MAX*", "maxmemory", GlobCase::ignored));
  EXPECT_TRUE(glob_match("[A-C]x", "bX", GlobCase::ignored));
}

TEST(Glob, is_binary_safe) {
  EXPECT_TRUE(glob_match(Bytes("a\0?", 3), Bytes("a\0b", 3)));
  EXPECT_FALSE(glob_match(Bytes("a\0b", 3), "a"));
}

TEST(Glob, many_stars_end_quickly) {
  std::string pattern;
  for (int i = 0; i < 5000; ++i) pattern += "a*";
  EXPECT_FALSE(glob_match(pattern + "b", std::string(20000, 'a')));
  EXPECT_FALSE(glob_match(std::string(50000, '*') + "b", std::string(1000, 'a')));
}

TEST(Glob, prefix) {
  EXPECT_EQ(literal_prefix("user:*"), "user:");
  EXPECT_EQ(literal_prefix("user:\\*"), "user:");
  EXPECT_EQ(literal_prefix("plain"), "plain");
  EXPECT_EQ(literal_prefix("[a]"), "");
  EXPECT_TRUE(is_literal("plain"));
  EXPECT_FALSE(is_literal("plai?"));
}

// The definition, by trying everything: slow, but obviously right for stars and plain bytes.
bool matches_by_trial(Bytes pattern, Bytes text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    for (size_t taken = 0; taken <= text.size(); ++taken) {
      if (matches_by_trial(pattern.substr(1), text.substr(taken))) return true;
    }
    return false;
  }
  if (text.empty() || (pattern[0] != '?' && pattern[0] != text[0])) return false;
  return matches_by_trial(pattern.substr(1), text.substr(1));
}

TEST(Glob, agrees_with_the_definition) {
  Random random(42);
  const auto draw = [&](Bytes letters, uint64_t size_max) {
    std::string text;
    for (uint64_t n = random.below(size_max + 1); n > 0; --n) {
      text += letters[random.below(letters.size())];
    }
    return text;
  };
  for (int i = 0; i < 20000; ++i) {
    const std::string pattern = draw("ab*?", 8);
    const std::string text = draw("ab", 10);
    ASSERT_EQ(glob_match(pattern, text), matches_by_trial(pattern, text)) << pattern << " " << text;
  }
}

}  // namespace
}  // namespace larder::glob_test
