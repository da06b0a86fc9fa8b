// The bytes' way to a server and back. Behind an interface, so that tests of all that stands above
// need neither sockets nor time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "client/error.h"
#include "client/stream.h"
#include "client/tls.h"

namespace larder {

// Where a server is: a path when there is one, else host and port; and how it is spoken to.
struct Endpoint {
  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  std::string unix_path;
  std::shared_ptr<const TlsContext> tls{};  // null: plain

  // "127.0.0.1:6379", "[::1]:6379" or the path.
  std::string to_text() const;
};

// Reads "host:port", "[v6]:port", "host" (port 6379), ":port" or "/path". The error is a sentence.
Result<Endpoint, std::string> parse_endpoint(Bytes text);

class Transport {
 public:
  enum class State {
    ok,         // something was sent or received
    timed_out,  // neither until the deadline
    ended,      // the peer closed
    failed,     // the connection broke
  };
  struct Progress {
    State state = State::ok;
    size_t sent = 0;
    size_t received = 0;
    std::string error;  // of `failed`
  };

  virtual ~Transport() = default;

  // Deadlines are in steady_ms(). Fails: unreachable.
  virtual ClientDone open(const Endpoint& endpoint, int64_t deadline_ms) = 0;
  // Sends what goes of `out` and appends to `in` what has come, waiting until one of both is
  // possible; a deadline in the past only looks. Never waits to send alone: a peer that answers
  // while we write must not be left with full buffers.
  virtual Progress transfer(Bytes out, std::string& in, int64_t deadline_ms) = 0;
  virtual void close() = 0;
  virtual bool is_open() const = 0;
};

class SocketTransport : public Transport {
 public:
  // Name resolution counts towards the deadline but cannot be cut short by it: getaddrinfo ends
  // when the resolver gives up. Addresses and names of /etc/hosts take no time.
  ClientDone open(const Endpoint& endpoint, int64_t deadline_ms) override;
  Progress transfer(Bytes out, std::string& in, int64_t deadline_ms) override;
  void close() override { stream_.close(); }
  bool is_open() const override { return stream_.is_open(); }

  // Gives the connection away.
  Stream take() { return std::move(stream_); }

 private:
  void receive(std::string& in, Progress& progress);

  Stream stream_;
};

}  // namespace larder
