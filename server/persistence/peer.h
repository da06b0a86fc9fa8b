// Another server, asked by a thread that may wait: what MIGRATE needs of a client.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"

struct addrinfo;

namespace larder {

class Peer {
 public:
  // Connects. Each wait for the peer ends after `timeout_ms`.
  Peer(const std::string& host, uint16_t port, int64_t timeout_ms);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  bool is_connected() const { return fd_ >= 0; }
  bool was_refused() const { return was_refused_; }
  // False: the peer is gone, or takes too long.
  bool send(std::span<const Bytes> words);
  // Reads a reply of one line; false as above.
  bool read_line(std::string& line);

 private:
  bool connect_to(const ::addrinfo& address);
  bool wait_for(short events) const;
  bool send_bytes(Bytes bytes);

  const int64_t timeout_ms_;
  int fd_ = -1;
  bool was_refused_ = false;
  std::string read_;
};

}  // namespace larder
