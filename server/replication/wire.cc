#include "server/replication/wire.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace larder {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
// Longer than any line of the handshake.
constexpr size_t kLineBytesMax = 64 * 1024;

int as_timeout(int64_t ms) { return static_cast<int>(std::clamp<int64_t>(ms, 0, 1 << 30)); }

}  // namespace

Interrupt::Interrupt() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Interrupt::~Interrupt() { ::close(fd_); }

void Interrupt::raise() {
  raised_.store(true, std::memory_order_release);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
}

void Interrupt::clear() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
  raised_.store(false, std::memory_order_release);
}

bool Interrupt::sleep_ms(int64_t ms) const {
  pollfd waited{fd_, POLLIN, 0};
  if (!raised()) ::poll(&waited, 1, as_timeout(ms));
  return !raised();
}

bool Wire::fail(std::string why) {
  if (error_.empty()) error_ = std::move(why);
  close();
  return false;
}

void Wire::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  stream_.reset();
}

int Wire::release() { return std::exchange(fd_, -1); }

bool Wire::wait(short events) {
  pollfd waited[] = {{fd_, events, 0}, {interrupt_.fd(), POLLIN, 0}};
  while (true) {
    if (interrupt_.raised()) return fail("interrupted");
    const int ready = ::poll(waited, 2, as_timeout(patience_ms_));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return fail("time-out");
    if (waited[0].revents != 0) return true;
  }
}

// A link from another address is better than none, so nothing is said when it can't be.
void Wire::bind_to_source(int family) const {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(source_.c_str(), nullptr, &hints, &found) != 0) return;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (::bind(fd_, each->ai_addr, each->ai_addrlen) == 0) return;
  }
}

bool Wire::connect_to(const addrinfo& address) {
  fd_ = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  if (!source_.empty()) bind_to_source(address.ai_family);
  int error = ::connect(fd_, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    if (!wait(POLLOUT)) return false;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error == 0) return true;
  ::close(std::exchange(fd_, -1));  // the next address gets a socket of its own
  errno = error;
  return false;
}

bool Wire::connect(const std::string& host, uint16_t port) {
  close();
  error_.clear();
  buffer_.clear();
  at_ = 0;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) return fail(::gai_strerror(failed));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  std::string why = "no address";
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (connect_to(*each)) {
      const int on = 1;
      ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return true;
    }
    if (!error_.empty()) return false;
    why = std::strerror(errno);
  }
  return fail(why);
}

bool Wire::secure(std::unique_ptr<SecureStream> stream) {
  stream_ = std::move(stream);
  if (!take_text()) return false;
  while (stream_->state() == SecureStream::State::handshake) {
    if (!decrypt()) return false;
  }
  return true;
}

bool Wire::send(Bytes bytes) {
  if (stream_ == nullptr) return send_plain(bytes);
  if (!stream_->write(bytes)) return fail("TLS: " + stream_->error());
  return send_unsent();
}

bool Wire::send_unsent() {
  const Bytes unsent = stream_->unsent();
  if (!send_plain(unsent)) return false;
  stream_->sent(unsent.size());
  return true;
}

bool Wire::send_plain(Bytes bytes) {
  while (!bytes.empty()) {
    if (fd_ < 0) return fail("closed");
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait(POLLOUT)) return false;
    } else if (errno != EINTR) {
      return fail(std::strerror(errno));
    }
  }
  return true;
}

// Makes at least one byte more unread.
bool Wire::fill() {
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  }
  const size_t before = buffer_.size();
  if (stream_ != nullptr) {
    while (buffer_.size() == before) {
      if (!decrypt()) return false;
    }
    return true;
  }
  buffer_.resize(before + kReadBytes);
  const size_t got = receive(buffer_.data() + before, kReadBytes);
  buffer_.resize(before + got);
  return got > 0;
}

// What the socket has, at least one byte; 0 when it failed.
size_t Wire::receive(char* into, size_t bytes) {
  while (fd_ >= 0) {
    const ssize_t got = ::recv(fd_, into, bytes, 0);
    if (got > 0) return static_cast<size_t>(got);
    if (got == 0) {
      (void)fail("connection closed by the peer");
    } else if (errno == EAGAIN) {
      (void)wait(POLLIN);
    } else if (errno != EINTR) {
      (void)fail(std::strerror(errno));
    }
  }
  return 0;
}

// One read from the socket and what TLS makes of it: text, or something to answer.
bool Wire::decrypt() {
  std::string bytes(kReadBytes, '\0');
  const size_t got = receive(bytes.data(), bytes.size());
  if (got == 0) return false;
  stream_->receive(Bytes(bytes).substr(0, got));
  return take_text();
}

bool Wire::take_text() {
  constexpr size_t kRecordBytes = 16 * 1024;
  while (true) {
    const size_t before = buffer_.size();
    buffer_.resize(before + kRecordBytes);
    const size_t count = stream_->read(buffer_.data() + before, kRecordBytes);
    buffer_.resize(before + count);
    if (count == 0) break;
  }
  if (!send_unsent()) return false;
  using State = SecureStream::State;
  if (stream_->state() == State::failed) return fail("TLS: " + stream_->error());
  // What came before the end is still to be read.
  return stream_->state() != State::ended || at_ < buffer_.size() ||
         fail("connection closed by the peer");
}

bool Wire::read_line(std::string& line) {
  size_t searched = at_;
  while (true) {
    const size_t end = buffer_.find('\n', searched);
    if (end == std::string::npos) {
      if (buffer_.size() - at_ > kLineBytesMax) return fail("the peer sends no lines");
      searched = buffer_.size() == at_ ? 0 : buffer_.size();
      if (!fill()) return false;
      continue;
    }
    line.assign(buffer_, at_, end - at_);
    at_ = searched = end + 1;
    while (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) return true;
  }
}

size_t Wire::read(char* into, size_t bytes) {
  if (at_ == buffer_.size() && !fill()) return 0;
  const size_t taken = std::min(bytes, buffer_.size() - at_);
  std::memcpy(into, buffer_.data() + at_, taken);
  at_ += taken;
  return taken;
}

bool Wire::readable() const {
  pollfd waited{fd_, POLLIN, 0};
  return fd_ >= 0 && ::poll(&waited, 1, 0) > 0;
}

std::string Wire::local_host() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  char host[INET6_ADDRSTRLEN] = "";
  const void* at = address.ss_family == AF_INET6
                       ? static_cast<void*>(&reinterpret_cast<sockaddr_in6&>(address).sin6_addr)
                       : static_cast<void*>(&reinterpret_cast<sockaddr_in&>(address).sin_addr);
  ::inet_ntop(address.ss_family, at, host, sizeof host);
  return host;
}

}  // namespace larder
