// The TLS of one connection, without a socket: bytes from the network go in, text comes out, and
// the other way round. OpenSSL reads from and writes to memory here, so that a connection keeps its
// way of reading much at once and of sending one batch with one write, whatever the records are.
//
//   socket -> receive() -> read()  -> query buffer
//   socket <- unsent()  <- write() <- output
//
// Handshake and alerts are unsent bytes too: whoever called read() sends what has come up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "server/net/tls_context.h"

namespace larder {

class TlsStream {
 public:
  // Longest text of a record (RFC 8446, 5.1).
  static constexpr size_t kRecordBytes = 16 * 1024;

  enum class State : uint8_t {
    handshake,
    open,
    ended,   // the peer has said that it sends no more
    failed,  // see error()
  };

  // Null without memory.
  static std::unique_ptr<TlsStream> make(const TlsContext& context);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // Takes what came from the network; `bytes` stay in place until read() has returned 0.
  void receive(Bytes bytes) { incoming_ = bytes; }
  // Puts up to `room` bytes of text at `into` and returns how many. 0: there is no more, because
  // bytes are missing or because the state is not open any more.
  size_t read(char* into, size_t room);
  // Makes unsent bytes of `text`. False: the stream has failed.
  bool write(Bytes text);
  // Says that nothing more will be sent (close_notify), once.
  void say_goodbye();

  Bytes unsent() const { return Bytes(unsent_).substr(sent_); }
  void sent(size_t bytes);

  State state() const { return state_; }
  // The handshake is over.
  bool established() const { return established_; }
  const std::string& error() const { return error_; }
  // OpenSSL's buffers of some 16 KiB each way, made again when needed.
  void release_buffers();
  size_t memory_bytes() const { return kSessionBytes + unsent_.capacity(); }

 private:
  friend struct TlsBytes;
  // What a session was measured to take, without buffers (tests/fault/tls_peers.py).
  static constexpr size_t kSessionBytes = 20 * 1024;

  explicit TlsStream(ssl_st* session) : session_(session) {}
  void fail(std::string why);

  ssl_st* session_;
  Bytes incoming_;
  std::string unsent_;
  size_t sent_ = 0;  // of unsent_
  State state_ = State::handshake;
  bool established_ = false;
  bool said_goodbye_ = false;
  std::string error_;
};

}  // namespace larder
