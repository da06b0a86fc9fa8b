#include "server/net/query_buffer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/encoded.h"

namespace larder {
namespace {

using Words = std::vector<std::string>;

// Reads into a buffer as a connection does and keeps what was asked.
class Reader {
 public:
  // The socket has `bytes` for the client; a read takes `at_once` at most.
  void take(Bytes bytes, size_t at_once) {
    while (!bytes.empty()) {
      buffer.make_room(parser, std::min(parser.bytes_wanted(), at_once));
      const size_t count = std::min({bytes.size(), at_once, buffer.free_bytes()});
      std::memcpy(buffer.free_begin(), bytes.data(), count);
      buffer.filled(count);
      bytes.remove_prefix(count);
      parse();
    }
  }

  // Nothing has come for long.
  void fall_silent() {
    if (buffer.size() == parser.position() && !parser.pending()) {
      buffer.release(parser);
    } else {
      buffer.fit(parser);
    }
  }

  QueryBuffer buffer;
  RequestParser parser;
  std::vector<Words> requests;

 private:
  void parse() {
    parser.start_batch();
    while (parser.next(buffer.bytes(), {}) == RequestParser::Outcome::request) {
      requests.emplace_back(parser.args().begin(), parser.args().end());
    }
  }
};

Words some_words() {
  const auto word = rc::gen::exec([] {
    const int most = *rc::gen::element(10, 3000, 200'000);
    return std::string(static_cast<size_t>(*rc::gen::inRange(0, most)), 'w');
  });
  const auto count = static_cast<size_t>(*rc::gen::inRange(1, 4));
  return *rc::gen::container<Words>(count, word);
}

RC_GTEST_PROP(QueryBuffer, HoldsRequestsHoweverTheyArrive, ()) {
  std::vector<Words> sent;
  std::string bytes;
  const int requests = *rc::gen::inRange(1, 20);
  for (int i = 0; i < requests; ++i) {
    sent.push_back(some_words());
    bytes += encoded(sent.back());
  }
  Reader reader;
  for (Bytes left = bytes; !left.empty();) {
    const auto piece = static_cast<size_t>(*rc::gen::inRange(1, 300'000));
    reader.take(left.substr(0, piece), static_cast<size_t>(*rc::gen::inRange(1, 100'000)));
    left.remove_prefix(std::min(piece, left.size()));
    if (*rc::gen::inRange(0, 3) == 0) reader.buffer.let_shrink();
    if (*rc::gen::inRange(0, 3) == 0) reader.fall_silent();
  }
  RC_ASSERT(reader.requests == sent);
}

TEST(QueryBuffer, IsMadeToMeasureForABigArgument) {
  constexpr size_t kValueBytes = 10'000'000;
  Reader reader;
  reader.take(encoded({"SET", "k", std::string(kValueBytes, 'v')}), 1 << 20);
  ASSERT_EQ(reader.requests.size(), 1U);
  EXPECT_LE(reader.buffer.capacity(), kValueBytes + kValueBytes / 4);
  reader.buffer.make_room(reader.parser, 1);
  EXPECT_EQ(reader.buffer.capacity(), QueryBuffer::kFirstBytes) << "a large one goes at once";
}

TEST(QueryBuffer, ShrinksWhenToldAndEmpty) {
  Reader reader;
  const std::string request = encoded({"SET", "k", std::string(200'000, 'v')});
  reader.take(request, request.size());
  const size_t grown = reader.buffer.capacity();
  EXPECT_GT(grown, 4 * QueryBuffer::kFirstBytes);
  reader.buffer.make_room(reader.parser, 1);
  EXPECT_EQ(reader.buffer.capacity(), grown) << "the next value is likely as large";
  reader.buffer.let_shrink();
  reader.buffer.make_room(reader.parser, 1);
  EXPECT_EQ(reader.buffer.capacity(), QueryBuffer::kFirstBytes);
}

TEST(QueryBuffer, GivesBackWhatIsFree) {
  Reader reader;
  const std::string request = encoded({"SET", "k", std::string(100'000, 'v')});
  const size_t half = request.size() / 2;
  reader.take(request.substr(0, half), half);
  reader.fall_silent();
  EXPECT_EQ(reader.buffer.capacity(), half);
  reader.take(request.substr(half), request.size());
  EXPECT_EQ(reader.requests.size(), 1U);
  reader.fall_silent();
  EXPECT_EQ(reader.buffer.capacity(), 0U);
}

}  // namespace
}  // namespace larder
