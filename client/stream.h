// A connected socket that does not block, plain or under TLS.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "client/tls.h"

struct ssl_st;

namespace larder {

class Stream {
 public:
  Stream() = default;
  // Owns the socket.
  explicit Stream(int fd) : fd_(fd) {}
  ~Stream() { close(); }
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;

  // Shakes hands; `host` is what a server with several names is told, unless it is an address.
  // Returns why that failed, or nothing. `deadline_ms` is in steady_ms().
  std::string start_tls(const TlsContext& context, const std::string& host, int64_t deadline_ms);

  // As send() and recv() of a socket that does not block: the bytes that went, 0 at the peer's end,
  // or -1. Then would_block() says whether to wait for the socket, and error() what else it is.
  ssize_t send(Bytes bytes);
  ssize_t receive(char* to, size_t room);
  bool would_block() const { return blocked_; }
  const std::string& error() const { return error_; }
  // Bytes have come that the socket, when asked whether it is readable, knows nothing of.
  bool has_received() const;

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close();

 private:
  struct Free {
    void operator()(ssl_st* tls) const;
  };

  ssize_t plain_result(ssize_t done);
  ssize_t tls_result(size_t done, int code);

  int fd_ = -1;
  std::unique_ptr<ssl_st, Free> tls_;
  bool blocked_ = false;
  std::string error_;
};

// Waits until the socket is ready for some `events` of poll(). Returns those, 0 at the deadline.
short wait_for(int fd, short events, int64_t deadline_ms);

}  // namespace larder
