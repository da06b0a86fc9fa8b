#include "server/net/outbox.h"

#include <gtest/gtest.h>

#include "tests/support/output_text.h"

namespace larder::outbox_test {
namespace {

constexpr int64_t kUntilMs = 1000;

void reply(Outbox& outbox, Bytes bytes, uint64_t offset = 0) {
  const size_t mark = outbox.output().mark();
  outbox.output().append(bytes);
  if (offset > 0 || outbox.holds()) outbox.hold(mark, offset, kUntilMs);
}

void release(Outbox& outbox, uint64_t acked) {
  outbox.release(acked, 0, [](uint64_t) {});
}

TEST(Outbox, KeepsPushesOutOfAReplyInTheMaking) {
  Outbox outbox;
  outbox.output().append("*2\r\n");
  outbox.defer("+told\r\n");
  outbox.defer_push('>', "2\r\n+a\r\n", "+b\r\n");
  EXPECT_EQ(text_of(outbox.output()), "*2\r\n");
  EXPECT_EQ(outbox.pending_bytes(), 4U + 7U + 12U) << "clients are cut off by what they are owed";
  outbox.output().append("+1\r\n+2\r\n");
  outbox.append_deferred();
  outbox.append_deferred();
  EXPECT_EQ(text_of(outbox.output()), "*2\r\n+1\r\n+2\r\n+told\r\n>2\r\n+a\r\n+b\r\n");
}

TEST(Outbox, LetsNothingOvertakeAReplyThatIsHeld) {
  Outbox outbox;
  reply(outbox, "first,");
  reply(outbox, "write,", 10);
  outbox.push('>', "push", ",", nullptr);
  outbox.defer("deferred,");
  outbox.append_deferred();
  reply(outbox, "read");
  EXPECT_EQ(text_of(outbox.output()), "first,");
  EXPECT_EQ(outbox.held_bytes(), 6U + 6U + 9U + 4U);
  release(outbox, 9);
  EXPECT_TRUE(outbox.holds());
  release(outbox, 10);
  EXPECT_EQ(text_of(outbox.output()), "first,write,>push,deferred,read");
  EXPECT_FALSE(outbox.holds());
  EXPECT_EQ(outbox.held_bytes(), 0U);
}

TEST(Outbox, SharesALongMessage) {
  const auto message = std::make_shared<std::string>(Output::kPieceBytesMin, 'm');
  Outbox outbox;
  outbox.push('>', "1\r\n", *message, message);
  EXPECT_EQ(message.use_count(), 2);
  EXPECT_LT(outbox.capacity(), message->size());
  EXPECT_EQ(text_of(outbox.output()), ">1\r\n" + *message);
  outbox.output().consume(outbox.output().pending());
  EXPECT_EQ(message.use_count(), 1) << "nobody needs it any more";
}

}  // namespace
}  // namespace larder::outbox_test
