// The part of a connection that stands on a TLS port only: between the socket and its buffers.
#include <sys/socket.h>

#include <array>
#include <utility>

#include "server/net/connection.h"
#include "server/net/worker.h"

namespace larder {
namespace {

// Unsent bytes of a peer that does not read. Text is only encrypted when the bytes before it are
// sent, so beyond kWriteBytes these are answers of TLS itself: alerts and new keys, which a peer
// may ask for without end.
constexpr size_t kAnswersMax = 256 * 1024;

}  // namespace

// What came stands where text ought to, so it is put aside. Returns false when there is nothing
// new to run.
bool Connection::decrypt(size_t bytes) {
  const bool was_established = tls_->established();
  tls_->receive(worker_.put_aside({query_.free_begin(), bytes}));
  size_t text = 0;
  while (true) {
    if (query_.free_bytes() == 0) query_.make_room(parser_, TlsStream::kRecordBytes);
    const size_t count = tls_->read(query_.free_begin(), query_.free_bytes());
    if (count == 0) break;
    query_.filled(count);
    text += count;
  }
  if (tls_->established() && !was_established) worker_.stats().tls_handshakes.add(1);
  if (tls_->state() == TlsStream::State::failed) {
    end_failed_tls();
    return false;
  }
  if (tls_->unsent().size() > kAnswersMax) {
    worker_.complain("Closing TLS client that does not read: addr=" + session_.address);
    close();
  }
  if (text > 0) return !closed_;
  flush();
  read();
  return false;
}

void Connection::end_failed_tls() {
  const std::string peer = " (addr=" + session_.address + " laddr=" + session_.local_address + ")";
  if (tls_->established()) {
    worker_.events().log_verbose("TLS connection failed: " + tls_->error() + peer);
  } else {
    worker_.stats().tls_failures.add(1);
    worker_.complain("Error accepting a client connection: " + tls_->error() + peer);
  }
  output_.clear();
  if (write_encrypted() != Written::ended) end_after_reply();  // the peer is told in an alert
}

// The same with what the stream makes of it: text becomes bytes to send when none are left.
Connection::Written Connection::write_encrypted() {
  bool encrypted = false;
  while (!sent_all()) {
    if (tls_->unsent().empty()) {
      if (std::exchange(encrypted, true)) return Written::some;
      if (!encrypt_some()) return Written::ended;
    }
    const Bytes unsent = tls_->unsent();
    const ssize_t sent = send_now(&unsent, 1, unsent.size());
    if (sent <= 0) return sent < 0 ? Written::ended : Written::some;
    tls_->sent(static_cast<size_t>(sent));
  }
  return Written::all;
}

bool Connection::encrypt_some() {
  std::array<Bytes, kWritePieces> views;
  const size_t count = output_.gather(views.data(), views.size());
  size_t taken = 0;
  for (size_t i = 0; i < count && taken < kWriteBytes; ++i) {
    const Bytes part = views[i].substr(0, kWriteBytes - taken);
    if (!tls_->write(part)) {
      close();
      return false;
    }
    taken += part.size();
  }
  output_.consume(taken);
  return true;
}

// In vain when the socket is full; then the peer sees an end without it.
void Connection::say_goodbye() {
  tls_->say_goodbye();
  const Bytes unsent = tls_->unsent();
  if (unsent.empty()) return;
  const ssize_t sent =
      ::send(socket_.native_handle(), unsent.data(), unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) tls_->sent(static_cast<size_t>(sent));
}

}  // namespace larder
