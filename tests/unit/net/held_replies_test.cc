#include "server/net/held_replies.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/output_text.h"

namespace larder::held_replies_test {
namespace {

constexpr int64_t kUntilMs = 1000;

struct Client {
  HeldReplies held;
  Output out;

  void reply(Bytes bytes, uint64_t offset) {
    const size_t mark = out.mark();
    out.append(bytes);
    held.add(out, mark, offset, kUntilMs);
  }
  void push(Bytes bytes) {
    const size_t mark = out.mark();
    out.append(bytes);
    held.add_behind(out, mark);
  }
  std::string release(uint64_t acked, int64_t now_ms) {
    held.release(acked, now_ms, out,
                 [this](uint64_t offset) { out.append("E" + std::to_string(offset)); });
    return text_of(out);
  }
};

TEST(HeldReplies, WaitForTheirWriteAndKeepTheirOrder) {
  Client client;
  client.reply("a", 10);
  client.reply("b", 10);  // a read behind that write
  client.reply("c", 20);
  client.push("p");
  EXPECT_EQ(text_of(client.out), "");
  EXPECT_EQ(client.held.bytes(), 4U);
  EXPECT_EQ(client.release(9, 0), "");
  EXPECT_EQ(client.release(10, 0), "ab");
  EXPECT_EQ(client.held.bytes(), 2U);
  EXPECT_EQ(client.release(20, 0), "abcp");
  EXPECT_TRUE(client.held.empty());
  EXPECT_EQ(client.held.bytes(), 0U);
}

TEST(HeldReplies, AnErrorTakesThePlaceOfAWriteWhoseTimeIsOver) {
  Client client;
  client.reply("a", 10);
  client.reply("b", 10);
  client.reply("c", 20);
  EXPECT_EQ(client.release(5, kUntilMs - 1), "");
  EXPECT_EQ(client.release(5, kUntilMs), "E10bE20") << "a read waits for nobody";
}

}  // namespace
}  // namespace larder::held_replies_test
