#include "storage/lcs.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

namespace larder::lcs_test {
namespace {

constexpr size_t kPlenty = 1 << 30;

size_t length_by_definition(Bytes a, Bytes b) {
  if (a.empty() || b.empty()) return 0;
  if (a.back() == b.back()) {
    return 1 + length_by_definition(a.substr(0, a.size() - 1), b.substr(0, b.size() - 1));
  }
  return std::max(length_by_definition(a.substr(0, a.size() - 1), b),
                  length_by_definition(a, b.substr(0, b.size() - 1)));
}

bool is_subsequence(Bytes part, Bytes whole) {
  for (const char byte : whole) {
    if (!part.empty() && part.front() == byte) part.remove_prefix(1);
  }
  return part.empty();
}

TEST(Lcs, the_example_of_the_documentation) {
  const auto result = longest_common_subsequence("ohmytext", "mynewtext", kPlenty);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->text, "mytext");
  ASSERT_EQ(result->matches.size(), 2U);
  EXPECT_EQ(result->matches[0].first_start, 4U);
  EXPECT_EQ(result->matches[0].second_start, 5U);
  EXPECT_EQ(result->matches[0].length, 4U);
  EXPECT_EQ(result->matches[1].first_start, 2U);
  EXPECT_EQ(result->matches[1].length, 2U);
}

TEST(Lcs, of_nothing_is_nothing) {
  EXPECT_EQ(longest_common_subsequence("", "abc", kPlenty)->length, 0U);
  EXPECT_TRUE(longest_common_subsequence("", "", kPlenty)->matches.empty());
}

TEST(Lcs, refuses_what_takes_too_much_memory) {
  const std::string text(999, 'x');
  EXPECT_TRUE(longest_common_subsequence(text, text, 4'000'000));
  EXPECT_FALSE(longest_common_subsequence(text, text, 3'999'999));
}

RC_GTEST_PROP(LcsProperty, is_the_longest, ()) {
  const auto word = rc::gen::resize(9, rc::gen::container<std::string>(rc::gen::element('a', 'b',
                                                                                        'c')));
  const std::string a = *word;
  const std::string b = *word;
  const auto result = *longest_common_subsequence(a, b, kPlenty);
  RC_ASSERT(result.length == length_by_definition(a, b));
  RC_ASSERT(result.text.size() == result.length);
  RC_ASSERT(is_subsequence(result.text, a) && is_subsequence(result.text, b));
  size_t length = 0;
  for (const LcsMatch& match : result.matches) {
    RC_ASSERT(a.substr(match.first_start, match.length) ==
              b.substr(match.second_start, match.length));
    length += match.length;
  }
  RC_ASSERT(length == result.length);
}

}  // namespace
}  // namespace larder::lcs_test
