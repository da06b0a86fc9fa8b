// A client's socket: sends what an Output holds and looks at what has come. On a TLS port a stream
// stands between the socket and the buffers; elsewhere it is null, which is all that the plain way
// knows of it. Knows nothing of requests and replies.
//
//   Output -> gathered write ---------------------> socket
//   Output -> TlsStream -> unsent bytes -> write -> socket
#pragma once

#include <sys/types.h>

#include <asio/generic/stream_protocol.hpp>
#include <memory>
#include <utility>

#include "protocol/output.h"
#include "server/net/tls_stream.h"

namespace larder {

// What became of a write: `all` is sent, `some` waits for the socket or for its turn, or the
// connection `ended`.
enum class Written : uint8_t { all, some, ended };

class Transport {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  // What system calls have sent.
  struct Traffic {
    uint64_t bytes = 0;
    uint64_t writes = 0;
  };
  struct Discarded {
    size_t bytes = 0;
    bool hung_up = false;  // nothing more will come
  };

  // `tls` is null on a plain connection.
  Transport(Socket socket, std::unique_ptr<TlsStream> tls)
      : socket_(std::move(socket)), tls_(std::move(tls)) {}

  Socket& socket() { return socket_; }
  TlsStream* tls() const { return tls_.get(); }

  // Sends what the socket takes now, within kWriteBytes. At `ended` the caller closes.
  Written send(Output& output) { return tls_ ? send_encrypted(output) : send_plain(output); }
  // Since the last call.
  Traffic take_traffic() { return std::exchange(traffic_, {}); }
  // Beyond what the caller's output still holds.
  size_t unsent_bytes() const { return tls_ ? tls_->unsent().size() : 0; }
  size_t memory_bytes() const { return tls_ ? tls_->memory_bytes() : 0; }
  // Gives back what is only needed while bytes travel.
  void release_buffers() {
    if (tls_) tls_->release_buffers();
  }

  // Takes up to `room` bytes that have come, without waiting: 0 at the end, -1 when there are none.
  ssize_t receive_now(char* into, size_t room);
  // Takes and forgets what has come: without reading what the client still sent, closing would
  // reset the connection and might destroy a reply on its way.
  Discarded discard_input();
  // The client has hung up, though what it sent before may stand unread. `half`: one that only
  // ended its side has, too.
  bool is_hung_up(bool half);
  // Tells the client that nothing more will be sent.
  void end_sending();
  // Bytes that the client's machine has not confirmed.
  size_t unconfirmed_bytes();
  void close();

 private:
  static constexpr size_t kWritePieces = 16;
  // A client with more to take waits for the next round of the event loop, so that others' replies
  // are not behind megabytes that the kernel copies.
  static constexpr size_t kWriteBytes = 256 * 1024;
  static constexpr size_t kEncryptBytes = 64 * 1024;  // the same of text that is encrypted

  Written send_plain(Output& output);
  Written send_encrypted(Output& output);
  bool encrypt_some(Output& output);
  ssize_t send_now(const Bytes* views, size_t count, size_t most);
  void say_goodbye();

  Socket socket_;
  std::unique_ptr<TlsStream> tls_;  // null: plain
  Traffic traffic_;
};

}  // namespace larder
