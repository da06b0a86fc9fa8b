#include "protocol/reply_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "protocol/limits.h"

namespace larder::reply_parser_test {
namespace {

using Outcome = ReplyParser::Outcome;

const std::vector<std::string> kGood = {
    "+OK\r\n",
    "+\r\n",
    "-ERR no\r\n",
    ":-42\r\n",
    "$5\r\nhello\r\n",
    "$0\r\n\r\n",
    "$-1\r\n",
    "$4\r\n\r\n\r\n\r\n",
    "*-1\r\n",
    "*0\r\n",
    "*2\r\n:1\r\n*1\r\n$1\r\nx\r\n",
    "*2\r\n*0\r\n*-1\r\n",
    "_\r\n",
    "#t\r\n",
    ",1.5\r\n",
    ",inf\r\n",
    ",nan\r\n",
    "(123456789012345678901234567890\r\n",
    "!5\r\nERR x\r\n",
    "=8\r\ntxt:text\r\n",
    "%2\r\n+a\r\n:1\r\n+b\r\n%0\r\n",
    "~1\r\n:1\r\n",
    ">2\r\n+message\r\n*1\r\n:1\r\n",
    "|1\r\n+ttl\r\n:9\r\n$1\r\nv\r\n",
    "|0\r\n:1\r\n",
    "*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n",
};

TEST(ReplyParser, whole_replies) {
  for (const std::string& good : kGood) {
    ReplyParser parser;
    ASSERT_EQ(parser.next(good + "+next\r\n"), Outcome::reply) << good << parser.error();
    EXPECT_EQ(parser.size(), good.size()) << good;
    EXPECT_FALSE(parser.pending());
  }
}

TEST(ReplyParser, cut_at_every_byte) {
  for (const std::string& good : kGood) {
    ReplyParser parser;
    for (size_t size = 0; size < good.size(); ++size) {
      const std::string part = good.substr(0, size);  // another place in memory each time
      ASSERT_EQ(parser.next(part), Outcome::need_more) << part << parser.error();
      ASSERT_LE(parser.bytes_wanted(), good.size() - size) << part;
    }
    ASSERT_EQ(parser.next(good), Outcome::reply);
    EXPECT_EQ(parser.size(), good.size());
  }
}

TEST(ReplyParser, one_behind_the_other) {
  std::string all;
  for (const std::string& good : kGood) all += good;
  ReplyParser parser;
  Bytes left = all;
  for (const std::string& good : kGood) {
    ASSERT_EQ(parser.next(left), Outcome::reply);
    ASSERT_EQ(parser.size(), good.size());
    left.remove_prefix(parser.size());
  }
  EXPECT_EQ(parser.next(left), Outcome::need_more);
}

TEST(ReplyParser, malformed_is_said_clearly) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"HTTP/1.1 400 Bad Request\r\n", "unknown kind of reply: 'HTTP/1.1 400 Bad Request"},
      {"+OK\n", "does not end with CR LF"},
      {":\r\n", "a bad value '' of kind ':'"},
      {":1x\r\n", "a bad value '1x' of kind ':'"},
      {":99999999999999999999\r\n", "a bad value"},
      {",1.5.5\r\n", "a bad value"},
      {"#y\r\n", "a bad value"},
      {"(12a\r\n", "a bad value"},
      {"_x\r\n", "a bad value"},
      {"$-2\r\n", "a bad string length '-2'"},
      {"$x\r\n", "a bad string length 'x'"},
      {"$?\r\n", "a bad string length '?'"},
      {"!-1\r\n", "a bad string length"},
      {"=3\r\ntxt\r\n", "a bad string length '3'"},
      {"=5\r\ntxtxt\r\n", "without its format"},
      {"$2\r\nabc\r\n", "not followed by CR LF"},
      {"*-2\r\n", "a bad element count '-2'"},
      {"%-1\r\n", "a bad element count"},
      {"*?\r\n", "a bad element count '?'"},
      {"*1\r\n>1\r\n:1\r\n", "a push inside another reply"},
      {"\x01", "unknown kind of reply: '?'"},
  };
  for (const auto& [bytes, text] : bad) {
    ReplyParser parser;
    ASSERT_EQ(parser.next(bytes), Outcome::error) << bytes;
    EXPECT_NE(parser.error().find(text), std::string::npos) << parser.error();
    EXPECT_EQ(parser.next("+OK\r\n"), Outcome::error) << "an error is for good";
    parser.reset();
    EXPECT_EQ(parser.next("+OK\r\n"), Outcome::reply);
  }
}

TEST(ReplyParser, limits) {
  const auto error_of = [](const ReplyLimits& limits, Bytes bytes) {
    ReplyParser parser(limits);
    return parser.next(bytes) == Outcome::error ? parser.error() : "";
  };
  EXPECT_EQ(error_of({.bulk_bytes_max = 10}, "$10\r\n"), "");
  EXPECT_EQ(error_of({.bulk_bytes_max = 10}, "$11\r\n"), "a string of 11 bytes, 10 at most");
  EXPECT_EQ(error_of({.elements_max = 10}, "*10\r\n"), "");
  EXPECT_EQ(error_of({.elements_max = 10}, "*11\r\n"), "11 elements, 10 at most");
  EXPECT_EQ(error_of({.elements_max = 10}, "%11\r\n"), "11 elements, 10 at most");
  EXPECT_EQ(error_of({}, "*9223372036854775807\r\n"),
            "9223372036854775807 elements, 67108864 at most");
  // Said when the string is announced, not when it has arrived.
  EXPECT_EQ(error_of({.reply_bytes_max = 100}, "*2\r\n$50\r\n" + std::string(50, 'x') +
                                                   "\r\n$90\r\n"),
            "a reply of more than 100 bytes");
  EXPECT_EQ(error_of({}, "+" + std::string(kLineBytesMax + 1, 'x')),
            "a line of more than 65536 bytes");
}

TEST(ReplyParser, depth) {
  std::string nested;
  for (size_t i = 0; i < kReplyDepthMax; ++i) nested += "*1\r\n";
  ReplyParser parser;
  EXPECT_EQ(parser.next(nested + ":1\r\n"), Outcome::reply);
  EXPECT_EQ(parser.next(nested + "*1\r\n:1\r\n"), Outcome::error);
  EXPECT_EQ(parser.error(), "a reply nested more than 64 deep");
}

TEST(ReplyParser, random_bytes_never_go_beyond_the_buffer) {
  constexpr uint64_t kSeed = 20240131;
  Random random(kSeed);
  constexpr Bytes kLetters = "+-:_,#($!=*~>%|019\r\n\r\ntx";
  for (int i = 0; i < 200'000; ++i) {
    std::string bytes;
    for (uint64_t n = 1 + random.below(24); n > 0; --n) {
      bytes += kLetters[random.below(kLetters.size())];
    }
    ReplyParser parser;
    const bool whole = parser.next(bytes) == Outcome::reply;
    ASSERT_LE(whole ? parser.size() : 0, bytes.size());
  }
}

}  // namespace
}  // namespace larder::reply_parser_test
