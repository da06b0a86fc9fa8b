#include "server/persistence/peer.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace larder {

Peer::Peer(const std::string& host, uint16_t port, int64_t timeout_ms) : timeout_ms_(timeout_ms) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return;
  for (const addrinfo* each = found; each != nullptr && fd_ < 0; each = each->ai_next) {
    if (!connect_to(*each) && fd_ >= 0) {
      ::close(fd_);
      fd_ = -1;
    }
  }
  ::freeaddrinfo(found);
}

Peer::~Peer() {
  if (fd_ >= 0) ::close(fd_);
}

bool Peer::connect_to(const addrinfo& address) {
  fd_ = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  if (::connect(fd_, address.ai_addr, address.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS || !wait_for(POLLOUT)) return false;
  int error = 0;
  socklen_t size = sizeof error;
  was_refused_ = ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0;
  return !was_refused_ && error == 0;
}

bool Peer::wait_for(short events) const {
  pollfd wanted{fd_, events, 0};
  return ::poll(&wanted, 1, static_cast<int>(std::min<int64_t>(timeout_ms_, INT_MAX))) > 0;
}

bool Peer::send_bytes(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (sent < 0 && errno == EAGAIN) {
      if (!wait_for(POLLOUT)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool Peer::send(std::span<const Bytes> words) {
  std::string head = "*" + std::to_string(words.size()) + "\r\n";
  for (const Bytes word : words) {
    head += "$" + std::to_string(word.size()) + "\r\n";
    if (!send_bytes(head) || !send_bytes(word)) return false;
    head = "\r\n";
  }
  return send_bytes(head);
}

bool Peer::read_line(std::string& line) {
  constexpr size_t kLineMax = 64 * 1024;  // longer than any status or error
  while (true) {
    const size_t end = read_.find("\r\n");
    if (end != std::string::npos) {
      line = read_.substr(0, end);
      read_.erase(0, end + 2);
      return true;
    }
    char bytes[4096];
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got > 0 && read_.size() < kLineMax) {
      read_.append(bytes, static_cast<size_t>(got));
    } else if (got < 0 && errno == EAGAIN) {
      if (!wait_for(POLLIN)) return false;
    } else if (got >= 0 || errno != EINTR) {
      return false;
    }
  }
}

}  // namespace larder
