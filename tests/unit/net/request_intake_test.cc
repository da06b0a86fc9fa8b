#include "server/net/request_intake.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/encoded.h"

namespace larder::request_intake_test {
namespace {

using Words = std::vector<std::string>;

// Reads as a connection does and keeps what was asked.
class Reader {
 public:
  // The socket has `bytes` for the client; a read takes `at_once` at most.
  void take(Bytes bytes, size_t at_once) {
    while (!bytes.empty()) {
      intake.make_room(std::min(intake.bytes_wanted(), at_once));
      const size_t count = std::min({bytes.size(), at_once, intake.free_bytes()});
      std::memcpy(intake.free_begin(), bytes.data(), count);
      intake.filled(count);
      bytes.remove_prefix(count);
      run();
    }
  }

  RequestIntake intake;
  size_t batch = RequestIntake::kBatch;
  std::vector<Words> requests;

 private:
  void run() {
    while (intake.parse_batch({}, batch) > 0) {
      for (; intake.has_next(); intake.take_next()) {
        const auto args = intake.next().args;
        requests.emplace_back(args.begin(), args.end());
      }
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

RC_GTEST_PROP(RequestIntake, HoldsRequestsHoweverTheyArrive, ()) {
  std::vector<Words> sent;
  std::string bytes;
  const int requests = *rc::gen::inRange(1, 20);
  for (int i = 0; i < requests; ++i) {
    sent.push_back(some_words());
    bytes += encoded(sent.back());
  }
  Reader reader;
  reader.batch = static_cast<size_t>(*rc::gen::inRange(1, 65));
  for (Bytes left = bytes; !left.empty();) {
    const auto piece = static_cast<size_t>(*rc::gen::inRange(1, 300'000));
    reader.take(left.substr(0, piece), static_cast<size_t>(*rc::gen::inRange(1, 100'000)));
    left.remove_prefix(std::min(piece, left.size()));
    if (*rc::gen::inRange(0, 3) == 0) reader.intake.let_shrink();
    if (*rc::gen::inRange(0, 3) == 0) reader.intake.give_back_memory();
  }
  RC_ASSERT(reader.requests == sent);
}

TEST(RequestIntake, IsMadeToMeasureForABigArgument) {
  constexpr size_t kValueBytes = 10'000'000;
  Reader reader;
  reader.take(encoded({"SET", "k", std::string(kValueBytes, 'v')}), 1 << 20);
  ASSERT_EQ(reader.requests.size(), 1U);
  EXPECT_LE(reader.intake.capacity(), kValueBytes + kValueBytes / 4);
  reader.intake.make_room(1);
  EXPECT_EQ(reader.intake.capacity(), QueryBuffer::kLeastBytes) << "a large one goes at once";
}

TEST(RequestIntake, KeepsLittleForAClientThatWaitsForReplies) {
  Reader reader;
  const std::string request = encoded({"SET", "key", std::string(1000, 'v')});
  reader.take(request, 1 << 20);
  EXPECT_EQ(reader.intake.capacity(), QueryBuffer::kFirstBytes) << "nothing is known of it yet";
  reader.intake.let_shrink();
  for (int i = 0; i < 100; ++i) reader.take(request, 1 << 20);
  EXPECT_EQ(reader.requests.size(), 101U);
  EXPECT_EQ(reader.intake.capacity(), QueryBuffer::kLeastBytes);
}

TEST(RequestIntake, MakesRoomForAPipelineOnceAReadHasFilledIt) {
  Reader reader;
  std::string pipeline;
  for (int i = 0; i < 64; ++i) pipeline += encoded({"SET", "key", std::string(64, 'v')});
  reader.take(pipeline, 1 << 20);
  reader.intake.let_shrink();
  reader.intake.make_room(1);
  EXPECT_EQ(reader.intake.capacity(), QueryBuffer::kLeastBytes);
  reader.take(pipeline, 1 << 20);
  EXPECT_EQ(reader.intake.capacity(), QueryBuffer::kFirstBytes);
  reader.take(pipeline, 1 << 20);
  EXPECT_EQ(reader.intake.capacity(), QueryBuffer::kFirstBytes) << "the next is likely as long";
  EXPECT_EQ(reader.requests.size(), 3U * 64);
}

TEST(RequestIntake, ShrinksWhenToldAndEmpty) {
  Reader reader;
  const std::string request = encoded({"SET", "k", std::string(200'000, 'v')});
  reader.take(request, request.size());
  const size_t grown = reader.intake.capacity();
  EXPECT_GE(grown, request.size());
  reader.intake.make_room(1);
  EXPECT_EQ(reader.intake.capacity(), grown) << "the next value is likely as large";
  reader.intake.let_shrink();
  reader.intake.make_room(1);
  EXPECT_EQ(reader.intake.capacity(), QueryBuffer::kLeastBytes);
}

TEST(RequestIntake, GivesBackWhatIsFree) {
  Reader reader;
  const std::string request = encoded({"SET", "k", std::string(100'000, 'v')});
  const size_t half = request.size() / 2;
  reader.take(request.substr(0, half), half);
  reader.intake.give_back_memory();
  EXPECT_EQ(reader.intake.capacity(), half);
  reader.take(request.substr(half), request.size());
  EXPECT_EQ(reader.requests.size(), 1U);
  reader.intake.give_back_memory();
  EXPECT_EQ(reader.intake.capacity(), 0U);
}

TEST(RequestIntake, TellsWhatRunsFromWhatIsComing) {
  RequestIntake intake;
  const std::string get = encoded({"GET", "key"});
  intake.take(get + get + "*2\r\n$4\r\nTYPE\r\n$9\r\nwh");
  ASSERT_EQ(intake.parse_batch({}, 64), 2U);
  EXPECT_EQ(intake.rest().size(), 2U);
  EXPECT_EQ(intake.running_bytes(), 0U) << "none has begun";
  intake.take_next();
  EXPECT_EQ(intake.running_bytes(), 6U);
  EXPECT_EQ(intake.rest().size(), 1U);
  EXPECT_EQ(intake.coming_bytes(), 4U) << "the words that are whole";
  EXPECT_EQ(intake.unbatched_bytes(), intake.bytes() - 2 * get.size());
  EXPECT_FALSE(intake.is_idle());
}

TEST(RequestIntake, RunsWhatStandsBeforeAMalformedRequest) {
  RequestIntake intake;
  intake.take(encoded({"PING"}) + "*1\r\n:1\r\n" + encoded({"PING"}));
  EXPECT_EQ(intake.parse_batch({}, 64), 1U);
  EXPECT_TRUE(intake.failed());
  intake.take_next();
  EXPECT_EQ(intake.parse_batch({}, 64), 0U);
  EXPECT_EQ(intake.error(), "Protocol error: expected '$', got ':'");
}

TEST(RequestIntake, MayTakeOneAtATime) {
  RequestIntake intake;
  intake.take(encoded({"AUTH", "x"}) + encoded({"GET", "k"}));
  const RequestLimits limits{.bulk_bytes_max = 1024, .authenticated = false};
  ASSERT_EQ(intake.parse_batch(limits, 1), 1U);
  EXPECT_EQ(intake.next().args[0], "AUTH");
  ASSERT_EQ(intake.parse_batch(limits, 1), 1U);
  EXPECT_EQ(intake.next().args[0], "GET");
  EXPECT_EQ(intake.parse_batch(limits, 1), 0U);
  EXPECT_TRUE(intake.is_idle());
}

}  // namespace
}  // namespace larder::request_intake_test
