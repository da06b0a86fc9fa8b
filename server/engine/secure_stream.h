// The TLS of one connection, without a socket: bytes from the network go in, text comes out, and
// the other way round. server/net makes it, as only that knows TLS; whoever opens a connection to
// another server (replication) moves the bytes and then gives both to a worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace larder {

class SecureStream {
 public:
  enum class State : uint8_t {
    handshake,
    open,
    ended,   // the peer has said that it sends no more
    failed,  // see error()
  };

  virtual ~SecureStream() = default;
  // Takes what came from the network; `bytes` stay in place until read() has returned 0.
  virtual void receive(Bytes bytes) = 0;
  // Puts up to `room` bytes of text at `into` and returns how many. 0: there is no more, because
  // bytes are missing or because the state is not open any more. What the handshake answers is
  // unsent then.
  virtual size_t read(char* into, size_t room) = 0;
  // Makes unsent bytes of `text`. False: the stream has failed.
  virtual bool write(Bytes text) = 0;
  virtual Bytes unsent() const = 0;
  virtual void sent(size_t bytes) = 0;
  virtual State state() const = 0;
  virtual const std::string& error() const = 0;
};

}  // namespace larder
