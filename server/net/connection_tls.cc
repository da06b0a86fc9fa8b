// The part of a connection that stands on a TLS port only: between the socket and its buffers.
#include <string>

#include "server/net/connection.h"
#include "server/net/worker.h"

namespace larder {
namespace {

// Unsent bytes of a peer that does not read. Text is only encrypted when the bytes before it are
// sent, so beyond one write these are answers of TLS itself: alerts and new keys, which a peer
// may ask for without end.
constexpr size_t kAnswersMax = 256 * 1024;

}  // namespace

// What came stands where text ought to, so it is put aside. Returns false when there is nothing
// new to run.
bool Connection::decrypt(size_t bytes) {
  TlsStream& tls = *transport_.tls();
  const bool was_established = tls.established();
  tls.receive(worker_.put_aside({intake_.free_begin(), bytes}));
  size_t text = 0;
  while (true) {
    if (intake_.free_bytes() == 0) intake_.make_room(TlsStream::kRecordBytes);
    const size_t count = tls.read(intake_.free_begin(), intake_.free_bytes());
    if (count == 0) break;
    intake_.filled(count);
    text += count;
  }
  if (tls.established() && !was_established) worker_.stats().tls_handshakes.add(1);
  if (tls.state() == TlsStream::State::failed) {
    end_failed_tls();
    return false;
  }
  if (tls.unsent().size() > kAnswersMax) {
    worker_.complain("Closing TLS client that does not read: addr=" + session_.address);
    close();
  }
  if (text > 0) return !closed_;
  flush();
  read();
  return false;
}

void Connection::end_failed_tls() {
  const TlsStream& tls = *transport_.tls();
  const std::string peer = " (addr=" + session_.address + " laddr=" + session_.local_address + ")";
  if (tls.established()) {
    worker_.events().log_verbose("TLS connection failed: " + tls.error() + peer);
  } else {
    worker_.stats().tls_failures.add(1);
    worker_.complain("Error accepting a client connection: " + tls.error() + peer);
  }
  outbox_.output().clear();
  if (send_some() != Written::ended) end_after_reply();  // the peer is told in an alert
}

}  // namespace larder
