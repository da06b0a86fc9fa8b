#include "protocol/request_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/encoded.h"

namespace larder::request_parser_test {
namespace {

using Outcome = RequestParser::Outcome;
using Words = std::vector<std::string>;

// A parser fed piece by piece, from memory that moves every time and ends where the bytes end.
class Feeder {
 public:
  explicit Feeder(const RequestLimits& limits = {}) : limits_(limits) {}

  // Adds bytes; returns the outcome behind the last whole request in them.
  Outcome feed(Bytes bytes) {
    const size_t dropped = parser_.position();
    const size_t kept = size_ - dropped;
    std::unique_ptr<char[]> fresh(new char[kept + bytes.size()]);
    if (kept > 0) std::memcpy(fresh.get(), data_.get() + dropped, kept);
    if (!bytes.empty()) std::memcpy(fresh.get() + kept, bytes.data(), bytes.size());
    parser_.moved(data_.get(), dropped, fresh.get());
    data_ = std::move(fresh);
    size_ = kept + bytes.size();
    parser_.start_batch();
    Outcome outcome = next();
    while (outcome == Outcome::request || outcome == Outcome::empty) {
      if (outcome == Outcome::request) {
        requests.emplace_back(parser_.args().begin(), parser_.args().end());
      }
      outcome = next();
    }
    return outcome;
  }

  RequestParser& parser() { return parser_; }
  std::vector<Words> requests;

 private:
  Outcome next() { return parser_.next({data_.get(), size_}, limits_); }

  RequestLimits limits_;
  RequestParser parser_;
  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
};

struct Example {
  std::string bytes;
  std::vector<Words> requests;
};

const std::vector<Example> kGood = {
    {"*1\r\n$4\r\nPING\r\n", {{"PING"}}},
    {"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", {{"ECHO", ""}}},
    {"*2\r\n$3\r\nGET\r\n$4\r\n\r\n$1\r\n", {{"GET", "\r\n$1"}}},
    {"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPONG\r\n", {{"PING"}, {"PONG"}}},
    {"*0\r\n*-1\r\n*1\r\n$1\r\nx\r\n", {{"x"}}},
    {"PING\r\n", {{"PING"}}},
    {"PING\n", {{"PING"}}},
    {"\r\n\n  \r\nPING\r\n", {{"PING"}}},
    {"  SET  a \"b c\\x41\\n\" 'it\\'s' \r\n", {{"SET", "a", "b cA\n", "it's"}}},
    {"GET a\r\n*1\r\n$4\r\nPING\r\nGET b\r\n", {{"GET", "a"}, {"PING"}, {"GET", "b"}}},
    {"$4\r\n", {{"$4"}}},  // no array: inline
};

TEST(RequestParser, whole_requests) {
  for (const Example& good : kGood) {
    Feeder feeder;
    EXPECT_EQ(feeder.feed(good.bytes), Outcome::need_more) << good.bytes;
    EXPECT_EQ(feeder.requests, good.requests) << good.bytes;
    EXPECT_FALSE(feeder.parser().pending());
  }
}

TEST(RequestParser, cut_at_every_byte) {
  for (const Example& good : kGood) {
    for (size_t cut = 0; cut <= good.bytes.size(); ++cut) {
      Feeder feeder;
      ASSERT_EQ(feeder.feed(Bytes(good.bytes).substr(0, cut)), Outcome::need_more) << good.bytes;
      ASSERT_EQ(feeder.feed(Bytes(good.bytes).substr(cut)), Outcome::need_more) << good.bytes;
      ASSERT_EQ(feeder.requests, good.requests) << good.bytes << " cut at " << cut;
    }
  }
}

TEST(RequestParser, one_byte_at_a_time) {
  for (const Example& good : kGood) {
    Feeder feeder;
    for (const char byte : good.bytes) {
      ASSERT_EQ(feeder.feed({&byte, 1}), Outcome::need_more) << good.bytes;
    }
    ASSERT_EQ(feeder.requests, good.requests) << good.bytes;
  }
}

TEST(RequestParser, never_wants_more_than_is_missing) {
  const std::string bytes = encoded({"SET", "key", std::string(1000, 'v')});
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    Feeder feeder;
    feeder.feed(Bytes(bytes).substr(0, cut));
    ASSERT_GE(feeder.parser().bytes_wanted(), 1U);
    ASSERT_LE(feeder.parser().bytes_wanted(), bytes.size() - cut) << cut;
  }
}

struct Mistake {
  std::string bytes;
  std::string error;
};

// The texts are those of redis-server, see tests/fault/malformed_as_redis.py.
const std::vector<Mistake> kBad = {
    {"*a\r\n", "invalid multibulk length"},
    {"*\r\n", "invalid multibulk length"},
    {"*+1\r\n", "invalid multibulk length"},
    {"*01\r\n", "invalid multibulk length"},
    {"* 1\r\n", "invalid multibulk length"},
    {"*1 \r\n", "invalid multibulk length"},
    {"*2147483648\r\n", "invalid multibulk length"},
    {"*99999999999999999999\r\n", "invalid multibulk length"},
    {"*1\r\n:5\r\n", "expected '$', got ':'"},
    {"*1\r\n\r\n", "expected '$', got '\r'"},
    {"*1\r\nPING\r\n", "expected '$', got 'P'"},
    {"*2\r\n$4\r\nPING\r\n*1\r\n", "expected '$', got '*'"},
    {"*1\r\n$\r\n", "invalid bulk length"},
    {"*1\r\n$a\r\n", "invalid bulk length"},
    {"*1\r\n$-1\r\n", "invalid bulk length"},
    {"*1\r\n$04\r\n", "invalid bulk length"},
    {"*1\r\n$536870913\r\n", "invalid bulk length"},
    {"*1\r\n$9223372036854775808\r\n", "invalid bulk length"},
    {"SET a \"b\r\n", "unbalanced quotes in request"},
    {"SET a 'b\r\n", "unbalanced quotes in request"},
    {"SET a \"b\"c\r\n", "unbalanced quotes in request"},
};

TEST(RequestParser, malformed_however_it_is_cut) {
  for (const Mistake& bad : kBad) {
    for (size_t cut = 0; cut < bad.bytes.size(); ++cut) {
      Feeder feeder;
      ASSERT_EQ(feeder.feed(Bytes(bad.bytes).substr(0, cut)), Outcome::need_more) << bad.bytes;
      ASSERT_EQ(feeder.feed(Bytes(bad.bytes).substr(cut)), Outcome::error) << bad.bytes;
      ASSERT_EQ(feeder.parser().error(), "Protocol error: " + bad.error) << bad.bytes;
    }
  }
}

TEST(RequestParser, what_was_good_before_a_mistake_is_found) {
  for (const Mistake& bad : kBad) {
    Feeder feeder;
    EXPECT_EQ(feeder.feed(encoded({"PING"}) + bad.bytes), Outcome::error);
    EXPECT_EQ(feeder.requests, std::vector<Words>{{"PING"}});
  }
}

TEST(RequestParser, lines_that_never_end) {
  const auto error_of = [](const std::string& beginning) {
    Feeder feeder;
    EXPECT_EQ(feeder.feed(beginning + std::string(kLineBytesMax - beginning.size(), '1')),
              Outcome::need_more);
    EXPECT_EQ(feeder.feed(std::string(10, '1')), Outcome::error);
    return feeder.parser().error();
  };
  EXPECT_EQ(error_of("PING "), "Protocol error: too big inline request");
  EXPECT_EQ(error_of("*"), "Protocol error: too big mbulk count string");
  Feeder feeder;
  feeder.feed("*1\r\n$");
  EXPECT_EQ(feeder.feed(std::string(kLineBytesMax + 1, '1')), Outcome::error);
  EXPECT_EQ(feeder.parser().error(), "Protocol error: too big bulk count string");
}

TEST(RequestParser, strangers_may_send_little) {
  const auto error_of = [](const std::string& bytes) {
    Feeder feeder({.authenticated = false});
    return feeder.feed(bytes) == Outcome::error ? feeder.parser().error() : "";
  };
  EXPECT_EQ(error_of(encoded(Words(10, "x"))), "");
  EXPECT_EQ(error_of("*11\r\n"), "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(error_of(encoded({std::string(16384, 'x')})), "");
  EXPECT_EQ(error_of("*1\r\n$16385\r\n"), "Protocol error: unauthenticated bulk length");
}

TEST(RequestParser, streams_are_arrays_only) {
  for (const char* line : {"SET k v\r\n", "SET k \"v\"\n", "\n", "\r\n", "$4\r\n"}) {
    Feeder feeder({.arrays_only = true});
    EXPECT_EQ(feeder.feed(encoded({"PING"}) + line), Outcome::error) << line;
    EXPECT_EQ(feeder.requests, std::vector<Words>{{"PING"}});
  }
}

TEST(RequestParser, the_longest_argument_is_a_setting) {
  Feeder feeder({.bulk_bytes_max = 5});
  EXPECT_EQ(feeder.feed(encoded({"hello"})), Outcome::need_more);
  EXPECT_EQ(feeder.feed(encoded({"hello!"})), Outcome::error);
}

// A count reserves nothing: memory follows the bytes that came.
TEST(RequestParser, a_huge_count_costs_nothing) {
  Feeder feeder;
  EXPECT_EQ(feeder.feed("*2147483647\r\n$1\r\nx\r\n"), Outcome::need_more);
  EXPECT_TRUE(feeder.parser().pending());
}

TEST(RequestParser, batches_keep_earlier_arguments_until_told) {
  const std::string bytes = encoded({"GET", "a"}) + "SET \"b\" c\r\n" + encoded({"PING"});
  RequestParser parser;
  ASSERT_EQ(parser.next(bytes, {}), Outcome::request);
  const size_t first = parser.first_arg();
  ASSERT_EQ(parser.next(bytes, {}), Outcome::request);
  const size_t second = parser.first_arg();
  ASSERT_EQ(parser.next(bytes, {}), Outcome::request);
  EXPECT_EQ(parser.args_of(first, 2)[1], "a");
  EXPECT_EQ(parser.args_of(second, 3)[1], "b");
  EXPECT_EQ(parser.args()[0], "PING");
  parser.start_batch();
  EXPECT_EQ(parser.position(), bytes.size());
}

RC_GTEST_PROP(RequestParserProperty, pieces_are_as_good_as_the_whole, ()) {
  const auto sent = *rc::gen::container<std::vector<Words>>(
      rc::gen::nonEmpty(rc::gen::arbitrary<Words>()));
  std::string bytes;
  for (const Words& words : sent) bytes += encoded(words);
  Feeder feeder;
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t piece = *rc::gen::inRange<size_t>(1, 200);
    RC_ASSERT(feeder.feed(Bytes(bytes).substr(at, piece)) == Outcome::need_more);
    at += piece;
  }
  RC_ASSERT(feeder.requests == sent);
}

RC_GTEST_PROP(RequestParserProperty, random_bytes_mean_the_same_in_pieces, ()) {
  const auto bytes = *rc::gen::container<std::string>(
      rc::gen::element('*', '$', '\r', '\n', '1', '2', '0', '-', 'P', ' ', '"', '\'', '\\', '\0'));
  Feeder whole;
  const Outcome outcome = whole.feed(bytes);
  Feeder pieces;
  Outcome last = Outcome::need_more;
  for (size_t at = 0; at < bytes.size() && last == Outcome::need_more; ++at) {
    last = pieces.feed(Bytes(bytes).substr(at, 1));
  }
  RC_ASSERT(last == outcome);
  RC_ASSERT(pieces.requests == whole.requests);
}

}  // namespace
}  // namespace larder::request_parser_test
