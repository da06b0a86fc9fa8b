#include "server/replication/transfer.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "server/replication/byte_pipe.h"
#include "server/replication/handshake.h"

namespace larder::transfer_test {
namespace {

// A primary that says what the test wants and hangs up.
class Speaker {
 public:
  explicit Speaker(std::vector<std::string> pieces) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, pieces = std::move(pieces)] {
      const int peer = ::accept(listener_, nullptr, nullptr);
      for (const std::string& piece : pieces) {
        if (::send(peer, piece.data(), piece.size(), MSG_NOSIGNAL) < 0) break;
        std::this_thread::yield();
      }
      ::close(peer);
    });
  }
  ~Speaker() {
    thread_.join();
    ::close(listener_);
  }
  uint16_t port() const { return port_; }

 private:
  int listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

struct Outcome {
  bool begun = false;
  std::string file;
  bool whole = false;
  std::string error;
};

Outcome receive(std::vector<std::string> pieces) {
  const Speaker speaker(std::move(pieces));
  const Interrupt interrupt;
  Wire wire(interrupt);
  EXPECT_TRUE(wire.connect("127.0.0.1", speaker.port()));
  Transfer transfer;
  Outcome outcome;
  outcome.begun = transfer.begin(wire);
  char buffer[7];
  while (outcome.begun) {
    const size_t got = transfer.read(buffer, sizeof buffer);
    if (got == 0) break;
    outcome.file.append(buffer, got);
  }
  outcome.whole = transfer.whole();
  outcome.error = transfer.error();
  return outcome;
}

// Nearly the mark stands in it, too.
const std::string kBody = std::string(1000, 'm') + "0123456789abcdefghijklmnopqrstuvwxyzABC";
const std::string kMark = "0123456789abcdefghijklmnopqrstuvwxyzABCD";

TEST(Transfer, TakesACountedFile) {
  const Outcome outcome = receive({"\n\n", "$11\r", "\nhello ", "world", "*1\r\n$4\r\nPING\r\n"});
  EXPECT_EQ(outcome.file, "hello world");
  EXPECT_TRUE(outcome.whole);
}

TEST(Transfer, TakesAMarkedFileHoweverItIsCut) {
  const std::string text = "$EOF:" + kMark + "\r\nREDIS0010" + kBody + kMark;
  for (const size_t cut : {size_t{1}, size_t{39}, size_t{60}, text.size() - 41, text.size() - 1}) {
    const Outcome outcome = receive({text.substr(0, cut), text.substr(cut)});
    EXPECT_EQ(outcome.file, "REDIS0010" + kBody);
    EXPECT_TRUE(outcome.whole);
  }
}

TEST(Transfer, AFileThatBreaksOffIsNotWhole) {
  EXPECT_FALSE(receive({"$11\r\nhello"}).whole);
  EXPECT_FALSE(receive({"$EOF:" + kMark + "\r\nhello" + kMark.substr(1)}).whole);
}

TEST(Transfer, RefusesWhatIsNoFrame) {
  for (const char* line : {"-ERR no\r\n", "+OK\r\n", "$-1\r\n", "$x\r\n", "$EOF:short\r\n"}) {
    const Outcome outcome = receive({line});
    EXPECT_FALSE(outcome.begun) << line;
    EXPECT_FALSE(outcome.error.empty()) << line;
  }
}

TEST(Agreement, UnderstandsWhatPrimariesSay) {
  const std::string id(kReplicationIdBytes, 'a');
  EXPECT_EQ(read_agreement("+FULLRESYNC " + id + " 42").offset, 42);
  EXPECT_EQ(read_agreement("+FULLRESYNC " + id + " 42").kind, Agreement::Kind::full);
  EXPECT_EQ(read_agreement("+CONTINUE").kind, Agreement::Kind::partial);
  EXPECT_EQ(read_agreement("+CONTINUE " + id).id, id);
  EXPECT_EQ(read_agreement("-NOMASTERLINK Can't").kind, Agreement::Kind::later);
  for (const std::string line :
       {"+FULLRESYNC", "+FULLRESYNC short 1", "+CONTINUE short", "-ERR x", "", "+OK"}) {
    EXPECT_EQ(read_agreement(line).kind, Agreement::Kind::failed) << line;
  }
  EXPECT_EQ(read_agreement("+FULLRESYNC " + id + " -1").kind, Agreement::Kind::failed);
}

TEST(BytePipe, HoldsALimitedAmountAndGivesUpOnASilentTaker) {
  int wakes = 0;
  BytePipe pipe([&] { ++wakes; });
  const auto chunk = std::make_shared<const std::string>(BytePipe::kBytesMax, 'x');
  EXPECT_TRUE(pipe.put(chunk, 10));
  EXPECT_EQ(wakes, 1);
  EXPECT_FALSE(pipe.put(chunk, 10)) << "full, and nobody takes";
  BytePipe::End end = BytePipe::End::whole;
  EXPECT_EQ(pipe.take(end), chunk);
  EXPECT_TRUE(pipe.put(chunk, 10));
  EXPECT_EQ(wakes, 1) << "the taker was not hungry";
  pipe.finish(true);
  EXPECT_EQ(pipe.take(end), chunk);
  EXPECT_EQ(pipe.take(end), nullptr);
  EXPECT_EQ(end, BytePipe::End::whole);
  pipe.close();
  EXPECT_FALSE(pipe.put(chunk, 10));
}

}  // namespace
}  // namespace larder::transfer_test
