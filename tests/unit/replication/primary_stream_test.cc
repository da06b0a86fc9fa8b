// What of the primary's stream goes into the log, and when.
#include "server/engine/session.h"
#include "server/replication/primary_stream.h"

#include <gtest/gtest.h>

#include "protocol/output.h"
#include "server/engine/registry.h"
#include "server/engine/transactions.h"
#include "server/replication/handshake.h"

namespace larder::primary_stream_test {
namespace {

Status nothing(Call&) { return Status::ok(); }

std::span<const CommandSpec> cards() {
  static constexpr auto kCards = [] {
    const auto card = [](Bytes name) {
      return CommandSpec{.name = name, .summary = "x", .since = "1", .group = "x", .arity = -1,
                         .run = nothing};
    };
    return std::array{card("MULTI"), card("EXEC"), card("SET")};
  }();
  return kCards;
}

class Stream : public ::testing::Test {
 protected:
  Stream() {
    registry_.add(cards());
    log_.keep_backlog(true);
    reader_ = log_.open_reader(0, {});
  }

  // What the dispatcher does: MULTI opens, EXEC closes and takes the bytes, SET outside takes them.
  void run(Bytes name) {
    const std::string text = request_text({name});
    session_.verbatim = text;
    stream_.arrives(session_, registry_.find(name));
    if (name == "MULTI") {
      session_.transaction = std::make_shared<Transaction>();
      session_.transaction->open = true;
    } else if (name == "EXEC") {
      session_.transaction.reset();
      log_.append_raw(session_.verbatim, session_.db);
      session_.verbatim = {};
    }
    stream_.ran(session_);
    sent_ += text;
  }
  std::string logged() {
    std::string text(4096, '\0');
    text.resize(reader_->read_some(text.data(), text.size()));
    return text;
  }

  Registry registry_;
  EffectLog log_;
  std::unique_ptr<EffectLog::Reader> reader_;
  PrimaryStream stream_{log_};
  Session session_;
  std::string sent_;
};

TEST_F(Stream, RequestsGoIntoTheLogAsTheyAre) {
  run("SET");
  run("SET");
  EXPECT_EQ(logged(), sent_);
}

TEST_F(Stream, ATransactionAppearsAsAWhole) {
  run("MULTI");
  run("SET");
  EXPECT_EQ(log_.end_offset(), 0U) << "the link may break here and is taken up before MULTI";
  run("EXEC");
  EXPECT_EQ(logged(), sent_);
  run("SET");
  EXPECT_EQ(log_.end_offset(), sent_.size());
}

TEST_F(Stream, AcknowledgesWhatIsApplied) {
  Output out;
  stream_.owe_ack();
  run("SET");
  EXPECT_FALSE(stream_.fill(out, 1024));
  const std::string offset = std::to_string(sent_.size());
  EXPECT_EQ(out.text_since(0), request_text({"REPLCONF", "ACK", offset}));
  EXPECT_FALSE(stream_.fill(out, 1024));
  EXPECT_EQ(out.text_since(0), request_text({"REPLCONF", "ACK", offset})) << "once";
}

}  // namespace
}  // namespace larder::primary_stream_test
