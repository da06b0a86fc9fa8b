// What a primary says to a replica, changed anywhere: the handshake, the answer to PSYNC, the full
// sync in both frames, the stream behind it. Each ends well or with a text; the store is whole, and
// the effect log has exactly the bytes of the requests that were run.
//
//   | flags 1 B | what the primary sends |
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/clock.h"
#include "protocol/request_parser.h"
#include "server/engine/transactions.h"
#include "server/persistence/load.h"
#include "server/replication/handshake.h"
#include "server/replication/primary_stream.h"
#include "server/replication/transfer.h"
#include "tests/fuzz/input.h"
#include "tests/support/data_commands.h"
#include "tests/support/lone_server.h"

namespace larder {
namespace {

enum Flags : uint8_t { kHandshakeToo = 1, kSpool = 2 };

// Everything fits into the socket's buffer, so that one thread can be both sides.
constexpr size_t kBytesMax = 64 * 1024;
constexpr Bytes kGreeting = "+PONG\r\n+OK\r\n+OK\r\n+OK\r\n";

class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    CHECK(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    CHECK(::listen(fd_, 1) == 0);
    CHECK(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  uint16_t port() const { return port_; }
  int accept() const { return ::accept(fd_, nullptr, nullptr); }

 private:
  int fd_;
  uint16_t port_ = 0;
};

// A primary that has said all it will say and listens.
class Primary {
 public:
  Primary(Wire& wire, Bytes said) {
    static const Listener listener;
    CHECK(wire.connect("127.0.0.1", listener.port()));
    fd_ = listener.accept();
    CHECK(fd_ >= 0);
    // A closed port would stay in use for a minute.
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    CHECK(::send(fd_, said.data(), said.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(said.size()));
    ::shutdown(fd_, SHUT_WR);
  }
  ~Primary() { ::close(fd_); }
  Primary(const Primary&) = delete;
  Primary& operator=(const Primary&) = delete;

 private:
  int fd_;
};

// True when all has come and is loaded.
bool take_full_sync(LoneServer& server, Wire& wire, bool spooled) {
  Transfer transfer;
  if (!transfer.begin(wire)) {
    CHECK(!transfer.error().empty());
    return false;
  }
  Spool spool;
  if (spooled) {
    CHECK(spool.open("/tmp"));
    const std::string why = spool.take(transfer, [] {});
    CHECK(why.empty() == transfer.whole());
    if (!why.empty()) return false;
  }
  LoadOptions options;
  options.threads = 0;
  options.replace = true;
  options.all_there_is = false;
  options.checksum = false;  // so that a damaged file may go on
  const LoadOutcome outcome =
      load_rdb(spooled ? static_cast<Source&>(spool) : transfer, server.services(), options);
  server.store().validate();
  if (!outcome.ok()) return false;
  return spooled || transfer.finish();
}

// These would end or hold up the process.
bool is_left_out(const Command* command) {
  if (command == nullptr) return false;
  for (const Bytes name : {"shutdown", "debug|sleep", "client|pause", "failover"}) {
    if (command->name == name) return true;
  }
  return false;
}

void run_stream(LoneServer& server, Bytes bytes) {
  EffectLog& log = server.services().listeners.effects;
  log.keep_backlog(true);
  const uint64_t begin = log.end_offset();
  Session& session = server.session();
  session.stream = std::make_shared<PrimaryStream>(log);
  RequestParser parser;
  size_t at = 0;
  uint64_t done = 0;  // outside of a transaction
  const RequestLimits limits{.bulk_bytes_max = 1 << 20, .arrays_only = true};
  while (!session.close_after_reply) {
    parser.start_batch();
    const auto outcome = parser.next(bytes, limits);
    if (outcome == RequestParser::Outcome::empty) continue;
    if (outcome != RequestParser::Outcome::request) break;
    Request request;
    request.args = parser.args();
    server.dispatcher().prepare(request);
    if (is_left_out(request.command)) break;
    session.verbatim = bytes.substr(at, parser.position() - at);
    at = parser.position();
    session.stream->arrives(session, request.command);
    (void)server.ask(request.args);
    if (server.outcome() == Dispatcher::Outcome::postponed) break;
    session.stream->ran(session);
    if (!in_multi(session.transaction.get())) done = at;
    server.store().validate();
    CHECK(log.end_offset() - begin == done);
  }
}

void check(FuzzInput input) {
  const uint8_t flags = input.byte();
  std::string said((flags & kHandshakeToo) != 0 ? Bytes() : kGreeting);
  said += input.rest().substr(0, kBytesMax);
  const Interrupt interrupt;
  Wire wire(interrupt);
  const Primary primary(wire, said);
  const Agreement agreement = shake_hands(wire, {});
  if (agreement.kind == Agreement::Kind::failed || agreement.kind == Agreement::Kind::later) {
    CHECK(!agreement.text.empty());
    return;
  }
  LoneServer server(add_data_commands, {.shard_bits = 1, .databases = 4});
  server.now_ms = unix_ms();
  server.end_long_scripts();
  const bool full = agreement.kind == Agreement::Kind::full;
  if (full && !take_full_sync(server, wire, (flags & kSpool) != 0)) return;
  std::string rest;
  char piece[4096];
  while (const size_t got = wire.read(piece, sizeof piece)) rest.append(piece, got);
  run_stream(server, rest);
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  larder::check(larder::FuzzInput(data, size));
  return 0;
}
