#include "server/engine/syntax.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace larder::syntax_test {
namespace {

// One line that shows every fact: name:type, 'TOKEN' in front, ? optional, * multiple, ' with its
// token each time.
std::string shown(const Argument& argument) {
  std::string text = argument.token.empty() ? "" : "'" + argument.token + "' ";
  text += argument.name + ":" + argument.type;
  if (!argument.parts.empty()) {
    text += "(";
    for (const Argument& part : argument.parts) {
      text += (&part == &argument.parts[0] ? "" : ", ") + shown(part);
    }
    text += ")";
  }
  return text + (argument.optional ? "?" : "") + (argument.multiple ? "*" : "") +
         (argument.multiple_token ? "'" : "");
}

std::string shown(Bytes syntax) {
  std::string text;
  for (const Argument& argument : parse_syntax(syntax)) {
    text += (text.empty() ? "" : ", ") + shown(argument);
  }
  return text;
}

TEST(Syntax, names_and_their_types) {
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown("key value"), "key:key, value:string");
  EXPECT_EQ(shown("pattern count unix-time-seconds"),
            "pattern:pattern, count:integer, unix-time-seconds:unix-time");
}

TEST(Syntax, tokens) {
  EXPECT_EQ(shown("NX"), "'NX' nx:pure-token");
  EXPECT_EQ(shown("EX seconds"), "'EX' seconds:integer");
  EXPECT_EQ(shown("LIMIT offset count"), "'LIMIT' limit:block(offset:integer, count:integer)");
}

TEST(Syntax, repetition) {
  EXPECT_EQ(shown("key [key ...]"), "key:key*");
  EXPECT_EQ(shown("key value [key value ...]"), "data:block(key:key, value:string)*");
  EXPECT_EQ(shown("[section ...]"), "section:string?*");
  EXPECT_EQ(shown("[KEYS key [key ...]]"), "'KEYS' key:key?*");
  EXPECT_EQ(shown("[GET pattern [GET pattern ...]]"), "'GET' pattern:pattern?*'");
  EXPECT_EQ(shown("[GET encoding offset [GET encoding offset ...]]"),
            "'GET' data:block(encoding:string, offset:integer)?*'");
}

TEST(Syntax, braces_are_for_readers) {
  EXPECT_EQ(shown("key [NX | XX{ | IFEQ value}] [GET]"),
            shown("key [NX | XX] [GET]"));
  EXPECT_EQ(readable("[NX{ | IFEQ value}]"), "[NX | IFEQ value]");
}

TEST(Syntax, choices) {
  EXPECT_EQ(shown("[NX | XX]"), "nx-or-xx:oneof('NX' nx:pure-token, 'XX' xx:pure-token)?");
  EXPECT_EQ(shown("<a | b>"), "a-or-b:oneof(a:string, b:string)");
  EXPECT_EQ(shown("[EX seconds | PERSIST]"),
            "seconds-or-persist:oneof('EX' seconds:integer, 'PERSIST' persist:pure-token)?");
}

// Only our own cards are read, but a slip in one must not hang or crash the server.
TEST(Syntax, any_text_comes_to_an_end) {
  Random random(5);
  constexpr Bytes kLetters = "[]<>{}| aB.";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (uint64_t n = random.below(16); n > 0; --n) text += kLetters[random.below(kLetters.size())];
    parse_syntax(text);
  }
}

}  // namespace
}  // namespace larder::syntax_test
