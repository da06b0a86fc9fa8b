#include "client/transport.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/numbers.h"

namespace larder {
namespace {

// One read takes this much at most: a pipeline's replies, without an idle client holding more.
constexpr size_t kReadBytes = 64 * 1024;

std::string reason(int error) { return std::strerror(error); }

// Connects one address. Returns the descriptor, or -1 with `why`.
int dial(const sockaddr* address, socklen_t bytes, int64_t deadline_ms, std::string& why) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    why = reason(errno);
    return -1;
  }
  int error = 0;
  if (::connect(fd, address, bytes) != 0) error = errno;
  if (error == EINPROGRESS) {
    error = ETIMEDOUT;
    if (wait_for(fd, POLLOUT, deadline_ms) != 0) {
      socklen_t size = sizeof error;
      ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  if (error != 0) {
    why = reason(error);
    ::close(fd);
    return -1;
  }
  const int on = 1;
  // Fails for a unix socket, which sends at once anyway.
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int dial_unix(const std::string& path, int64_t deadline_ms, std::string& why) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    why = "the path is too long for a socket";
    return -1;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return dial(reinterpret_cast<const sockaddr*>(&address), sizeof address, deadline_ms, why);
}

int dial_tcp(const Endpoint& endpoint, int64_t deadline_ms, std::string& why) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const int failure = ::getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
  if (failure != 0) {
    why = ::gai_strerror(failure);
    return -1;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  int64_t left = 0;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) ++left;
  // Each has its share of the time that is left: a dead address must not take that of a live one.
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next, --left) {
    const int64_t now_ms = steady_ms();
    const int64_t share_ms = std::max<int64_t>(deadline_ms - now_ms, 0) / left;
    const int fd = dial(each->ai_addr, each->ai_addrlen, now_ms + share_ms, why);
    if (fd >= 0) return fd;
  }
  return -1;
}

}  // namespace

std::string Endpoint::to_text() const {
  if (!unix_path.empty()) return unix_path;
  const bool v6 = host.find(':') != host.npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Endpoint, std::string> parse_endpoint(Bytes text) {
  Endpoint endpoint;
  if (text.empty()) return std::string("an address is empty");
  if (text[0] == '/') {
    endpoint.unix_path = text;
    return endpoint;
  }
  const std::string whole(text);
  std::optional<Bytes> port;
  if (text[0] == '[') {
    const size_t end = text.find(']');
    const Bytes rest = end == Bytes::npos ? Bytes() : text.substr(end + 1);
    if (end == Bytes::npos || (!rest.empty() && rest[0] != ':')) {
      return "'" + whole + "' is no address: write [v6]:port";
    }
    endpoint.host = text.substr(1, end - 1);
    if (!rest.empty()) port = rest.substr(1);
  } else {
    const size_t colon = text.rfind(':');
    if (colon != text.find(':')) return "'" + whole + "' is no address: write [v6]:port";
    if (colon != 0) endpoint.host = text.substr(0, colon);
    if (colon != Bytes::npos) port = text.substr(colon + 1);
  }
  if (!port) return endpoint;
  const auto number = parse_uint64(*port);
  if (!number || *number == 0 || *number > 65535) {
    return "'" + whole + "' has no port from 1 to 65535";
  }
  endpoint.port = static_cast<uint16_t>(*number);
  return endpoint;
}

ClientDone SocketTransport::open(const Endpoint& endpoint, int64_t deadline_ms) {
  close();
  std::string why;
  stream_ = Stream(endpoint.unix_path.empty() ? dial_tcp(endpoint, deadline_ms, why)
                                              : dial_unix(endpoint.unix_path, deadline_ms, why));
  if (stream_.is_open() && endpoint.tls != nullptr) {
    why = stream_.start_tls(*endpoint.tls, endpoint.host, deadline_ms);
    if (!why.empty()) close();
  }
  if (stream_.is_open()) return Done{};
  return ClientError{ClientError::Kind::unreachable,
                     "cannot connect to " + endpoint.to_text() + ": " + why};
}

Transport::Progress SocketTransport::transfer(Bytes out, std::string& in, int64_t deadline_ms) {
  Progress progress;
  const short wanted = static_cast<short>(out.empty() ? POLLIN : POLLIN | POLLOUT);
  const bool has_more = stream_.has_received();
  const short ready = wait_for(stream_.fd(), wanted, has_more ? 0 : deadline_ms);
  if (ready == 0 && !has_more) return {State::timed_out};
  if ((ready & POLLOUT) != 0 && !out.empty()) {
    const ssize_t sent = stream_.send(out);
    if (sent > 0) progress.sent = static_cast<size_t>(sent);
    // What the peer said before it hung up is still to be read: that decides below.
  }
  if (has_more || (ready & (POLLIN | POLLHUP | POLLERR)) != 0) receive(in, progress);
  return progress;
}

void SocketTransport::receive(std::string& in, Progress& progress) {
  const size_t before = in.size();
  in.resize(before + kReadBytes);
  const ssize_t received = stream_.receive(in.data() + before, kReadBytes);
  in.resize(before + static_cast<size_t>(std::max<ssize_t>(received, 0)));
  if (received > 0) {
    progress.received = static_cast<size_t>(received);
  } else if (received == 0) {
    progress.state = State::ended;
  } else if (!stream_.would_block()) {
    progress.state = State::failed;
    progress.error = stream_.error();
  }
}

}  // namespace larder
