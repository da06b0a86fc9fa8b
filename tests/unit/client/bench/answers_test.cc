#include "client/bench/answers.h"

#include <gtest/gtest.h>

namespace larder::bench::answers_test {
namespace {

using Kind = Answer::Kind;
using Outcome = ReplyParser::Outcome;

// Replies of `bytes` that come one byte at a time, as "kind:text" with a stop behind each.
std::string read_bytewise(AnswerReader& reader, Bytes bytes) {
  std::string seen;
  size_t start = 0;
  for (size_t end = 1; end <= bytes.size(); ++end) {
    Answer answer;
    const Outcome outcome = reader.next(bytes.substr(start, end - start), answer);
    if (outcome == Outcome::error) return seen + "!";
    if (outcome == Outcome::need_more) continue;
    EXPECT_EQ(start + answer.size, end);
    start = end;
    seen += "vmepo"[static_cast<int>(answer.kind)];
    seen += ":" + std::string(answer.text) + ".";
  }
  return seen;
}

TEST(Answers, resp) {
  const auto reader = make_resp_reader();
  EXPECT_EQ(
      read_bytewise(*reader,
                    "+OK\r\n$3\r\na\r\n\r\n$-1\r\n_\r\n*-1\r\n-ERR x\r\n:1\r\n*2\r\n$1\r\na\r\n"
                    ":1\r\n>2\r\n+a\r\n+b\r\n$0\r\n\r\n"),
      "o:.v:a\r\n.m:.m:.m:.e:ERR x.o:.o:.p:.v:.");
  EXPECT_EQ(read_bytewise(*reader, "HTTP/1.1"), "!");
}

TEST(Answers, memcached) {
  const auto reader = make_memcached_reader();
  EXPECT_EQ(read_bytewise(*reader, "STORED\r\nVALUE k 0 3\r\na\r\n\r\nEND\r\nEND\r\nERROR\r\n"),
            "o:.v:a\r\n.m:.e:ERROR.");
  EXPECT_EQ(read_bytewise(*reader, "VALUE k 0 x\r\n"), "!");
}

}  // namespace
}  // namespace larder::bench::answers_test
