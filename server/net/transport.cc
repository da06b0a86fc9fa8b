#include "server/net/transport.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace larder {

// One write of up to `most` bytes. Returns how many went, 0 when the socket takes none now, -1 when
// the connection ended.
ssize_t Transport::send_now(const Bytes* views, size_t views_count, size_t most) {
  std::array<iovec, kWritePieces> pieces;
  size_t count = 0;
  for (size_t bytes = 0; count < views_count && bytes < most; ++count) {
    const size_t size = std::min(views[count].size(), most - bytes);
    pieces[count] = {const_cast<char*>(views[count].data()), size};
    bytes += size;
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  const int fd = socket_.native_handle();
  const iovec& first = pieces[0];
  while (true) {
    const ssize_t sent = count == 1 ? ::send(fd, first.iov_base, first.iov_len, MSG_NOSIGNAL)
                                    : ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? 0 : -1;
    traffic_.bytes += static_cast<uint64_t>(sent);
    ++traffic_.writes;
    return sent;
  }
}

Written Transport::send_plain(Output& output) {
  size_t left = kWriteBytes;
  while (!output.empty()) {
    if (left == 0) return Written::some;
    std::array<Bytes, kWritePieces> views;
    const ssize_t sent = send_now(views.data(), output.gather(views.data(), views.size()), left);
    if (sent <= 0) return sent < 0 ? Written::ended : Written::some;
    output.consume(static_cast<size_t>(sent));
    left -= static_cast<size_t>(sent);
  }
  return Written::all;
}

// The same with what the stream makes of it: text becomes bytes to send when none are left.
Written Transport::send_encrypted(Output& output) {
  bool encrypted = false;
  while (!output.empty() || unsent_bytes() > 0) {
    if (tls_->unsent().empty()) {
      if (std::exchange(encrypted, true)) return Written::some;
      if (!encrypt_some(output)) return Written::ended;
    }
    const Bytes unsent = tls_->unsent();
    const ssize_t sent = send_now(&unsent, 1, unsent.size());
    if (sent <= 0) return sent < 0 ? Written::ended : Written::some;
    tls_->sent(static_cast<size_t>(sent));
  }
  return Written::all;
}

bool Transport::encrypt_some(Output& output) {
  std::array<Bytes, kWritePieces> views;
  const size_t count = output.gather(views.data(), views.size());
  size_t taken = 0;
  for (size_t i = 0; i < count && taken < kEncryptBytes; ++i) {
    const Bytes part = views[i].substr(0, kEncryptBytes - taken);
    if (!tls_->write(part)) return false;
    taken += part.size();
  }
  output.consume(taken);
  return true;
}

ssize_t Transport::receive_now(char* into, size_t room) {
  return ::recv(socket_.native_handle(), into, room, MSG_DONTWAIT);
}

Transport::Discarded Transport::discard_input() {
  char waste[4096];
  Discarded discarded;
  for (int i = 0; i < 64; ++i) {
    const ssize_t bytes = receive_now(waste, sizeof waste);
    discarded.hung_up = bytes == 0;
    if (bytes <= 0) break;
    discarded.bytes += static_cast<size_t>(bytes);
  }
  return discarded;
}

bool Transport::is_hung_up(bool half) {
  const short ends = half ? POLLRDHUP : 0;  // errors and a whole end are told unasked
  pollfd wanted{socket_.native_handle(), ends, 0};
  return ::poll(&wanted, 1, 0) > 0;
}

void Transport::end_sending() {
  if (tls_) say_goodbye();
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

size_t Transport::unconfirmed_bytes() {
  int bytes = 0;
  return ::ioctl(socket_.native_handle(), SIOCOUTQ, &bytes) == 0 ? static_cast<size_t>(bytes) : 0;
}

void Transport::close() {
  if (tls_) say_goodbye();
  std::error_code ignored;
  socket_.close(ignored);
}

// In vain when the socket is full; then the peer sees an end without it.
void Transport::say_goodbye() {
  tls_->say_goodbye();
  const Bytes unsent = tls_->unsent();
  if (unsent.empty()) return;
  const ssize_t sent =
      ::send(socket_.native_handle(), unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) tls_->sent(static_cast<size_t>(sent));
}

}  // namespace larder
