// A TCP connection, with TLS or without, that its thread reads and writes by waiting: the link to
// the primary while it is being made. Every wait has a limit, and another thread can end it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "server/engine/secure_stream.h"

struct addrinfo;

namespace larder {

// Lets one thread end another one's waits, for good.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  void raise();
  void clear();
  bool raised() const { return raised_.load(std::memory_order_acquire); }
  int fd() const { return fd_; }
  // Sleeps; false when it was raised meanwhile.
  bool sleep_ms(int64_t ms) const;

 private:
  int fd_;
  std::atomic<bool> raised_{false};
};

class Wire {
 public:
  explicit Wire(const Interrupt& interrupt) : interrupt_(interrupt) {}
  ~Wire() { close(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Longest wait for one byte more, or for the connection.
  void set_patience_ms(int64_t ms) { patience_ms_ = ms; }

  // This host's address that connections come from, if it has it; empty: any.
  void set_source(std::string host) { source_ = std::move(host); }

  // All return false when it failed; then error() says why.
  bool connect(const std::string& host, uint16_t port);
  // Goes on with TLS: shakes hands.
  bool secure(std::unique_ptr<SecureStream> stream);
  bool send(Bytes bytes);
  // Ends it with a fault of this side; false.
  bool refuse(std::string why) { return fail(std::move(why)); }
  // A line without its end. Empty lines, which primaries send to be heard of, are left out.
  bool read_line(std::string& line);
  // Up to `bytes`, at least one; 0 when it failed.
  size_t read(char* into, size_t bytes);

  // What was read from the socket and not been asked for yet.
  Bytes unread() const { return Bytes(buffer_).substr(at_); }
  // The peer has said something, or hung up, that was not read.
  bool readable() const;
  // This side's address.
  std::string local_host() const;
  // Hands over the socket and its TLS, which is null without.
  std::unique_ptr<SecureStream> release_stream() { return std::move(stream_); }
  int release();
  bool is_open() const { return fd_ >= 0; }
  void close();
  const std::string& error() const { return error_; }

 private:
  bool connect_to(const addrinfo& address);
  void bind_source(int family);
  bool wait(short events);
  bool fill();
  size_t receive(char* into, size_t bytes);
  bool send_plain(Bytes bytes);
  bool send_unsent();
  bool decrypt();
  bool take_text();
  bool fail(std::string why);

  const Interrupt& interrupt_;
  int fd_ = -1;
  int64_t patience_ms_ = 60'000;
  std::string source_;
  std::string buffer_;
  size_t at_ = 0;  // in buffer_, behind what was asked for
  std::string error_;
  std::unique_ptr<SecureStream> stream_;
};

}  // namespace larder
