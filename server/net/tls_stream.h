// The TLS of one connection, without a socket. OpenSSL reads from and writes to memory here, so
// that a connection keeps its way of reading much at once and of sending one batch with one write,
// whatever the records are.
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
#include "server/engine/secure_stream.h"
#include "server/net/tls_context.h"

namespace larder {

class TlsStream final : public SecureStream {
 public:
  // Longest text of a record (RFC 8446, 5.1).
  static constexpr size_t kRecordBytes = 16 * 1024;

  // One end of a connection; null without memory.
  static std::unique_ptr<TlsStream> make(const TlsContext& context,
                                         TlsSide side = TlsSide::server);
  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  void receive(Bytes bytes) override { incoming_ = bytes; }
  size_t read(char* into, size_t room) override;
  bool write(Bytes text) override;
  // Says that nothing more will be sent (close_notify), once.
  void say_goodbye();

  Bytes unsent() const override { return Bytes(unsent_).substr(sent_); }
  void sent(size_t bytes) override;

  State state() const override { return state_; }
  // The handshake is over.
  bool established() const { return established_; }
  const std::string& error() const override { return error_; }
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
