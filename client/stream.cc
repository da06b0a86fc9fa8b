#include "client/stream.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/tls_error.h"

namespace larder {
namespace {

bool is_address(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

std::string handshake_fault(SSL* tls) {
  const long verdict = SSL_get_verify_result(tls);
  if (verdict == X509_V_OK || SSL_get_verify_mode(tls) == SSL_VERIFY_NONE) return take_tls_error();
  return std::string("the server's certificate is not trusted: ") +
         X509_verify_cert_error_string(verdict);
}

}  // namespace

short wait_for(int fd, short events, int64_t deadline_ms) {
  while (true) {
    constexpr int64_t kWaitMsMax = 1'000'000'000;
    const int64_t left_ms = std::clamp<int64_t>(deadline_ms - steady_ms(), 0, kWaitMsMax);
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left_ms));
    if (ready > 0) return entry.revents;
    if (ready == 0) return 0;
    if (errno != EINTR) return POLLERR;
  }
}

void Stream::Free::operator()(ssl_st* tls) const { SSL_free(tls); }

Stream::Stream(Stream&& other) noexcept { *this = std::move(other); }

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = std::exchange(other.fd_, -1);
  tls_ = std::move(other.tls_);
  return *this;
}

void Stream::close() {
  if (tls_ != nullptr) SSL_shutdown(tls_.get());  // says good-bye, and waits for no answer
  tls_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string Stream::start_tls(const TlsContext& context, const std::string& host,
                              int64_t deadline_ms) {
  tls_.reset(SSL_new(context.get()));
  if (tls_ == nullptr || SSL_set_fd(tls_.get(), fd_) != 1) return take_tls_error();
  if (!is_address(host)) SSL_set_tlsext_host_name(tls_.get(), host.c_str());
  while (true) {
    ERR_clear_error();
    const int done = SSL_connect(tls_.get());
    if (done == 1) return "";
    const int wish = SSL_get_error(tls_.get(), done);
    if (wish == SSL_ERROR_ZERO_RETURN) return "the server ended the handshake";
    if (wish == SSL_ERROR_SYSCALL) return std::strerror(errno == 0 ? ECONNRESET : errno);
    if (wish != SSL_ERROR_WANT_READ && wish != SSL_ERROR_WANT_WRITE) {
      return handshake_fault(tls_.get());
    }
    const short events = wish == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    if (wait_for(fd_, events, deadline_ms) == 0) return std::strerror(ETIMEDOUT);
  }
}

ssize_t Stream::plain_result(ssize_t done) {
  blocked_ = done < 0 && (errno == EAGAIN || errno == EINTR);
  if (done < 0) error_ = std::strerror(errno);
  return done;
}

// `code` is what OpenSSL's function returned last, `done` what went before.
ssize_t Stream::tls_result(size_t done, int code) {
  blocked_ = false;
  if (done > 0) return static_cast<ssize_t>(done);
  const int wish = SSL_get_error(tls_.get(), code);
  if (wish == SSL_ERROR_ZERO_RETURN) return 0;
  blocked_ = wish == SSL_ERROR_WANT_READ || wish == SSL_ERROR_WANT_WRITE;
  error_ = wish == SSL_ERROR_SYSCALL ? std::strerror(errno) : take_tls_error();
  return -1;
}

ssize_t Stream::send(Bytes bytes) {
  if (tls_ == nullptr) return plain_result(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  ERR_clear_error();
  size_t sent = 0;
  int code = 1;
  while (code == 1 && sent < bytes.size()) {
    size_t more = 0;
    code = SSL_write_ex(tls_.get(), bytes.data() + sent, bytes.size() - sent, &more);
    sent += more;
  }
  return tls_result(sent, code);
}

// More than one record where OpenSSL has more; reading on from the socket could meet its end, which
// must not get lost behind these bytes.
ssize_t Stream::receive(char* to, size_t room) {
  if (tls_ == nullptr) return plain_result(::recv(fd_, to, room, 0));
  ERR_clear_error();
  size_t received = 0;
  int code = 1;
  do {
    size_t more = 0;
    code = SSL_read_ex(tls_.get(), to + received, room - received, &more);
    received += more;
  } while (code == 1 && received < room && has_received());
  return tls_result(received, code);
}

bool Stream::has_received() const { return tls_ != nullptr && SSL_pending(tls_.get()) > 0; }

}  // namespace larder
