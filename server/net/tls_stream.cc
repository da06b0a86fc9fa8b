#include "server/net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "base/tls_error.h"

namespace larder {

// OpenSSL's view of the bytes on both sides: a BIO whose data is the stream.
struct TlsBytes {
  static TlsStream& stream(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int room) {
    BIO_clear_retry_flags(bio);
    Bytes& incoming = stream(bio).incoming_;
    if (incoming.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const size_t count = std::min(incoming.size(), static_cast<size_t>(room));
    std::memcpy(into, incoming.data(), count);
    incoming.remove_prefix(count);
    return static_cast<int>(count);
  }

  static int write(BIO* bio, const char* bytes, int count) {
    BIO_clear_retry_flags(bio);
    stream(bio).unsent_.append(bytes, static_cast<size_t>(count));
    return count;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "larder");
      BIO_meth_set_read(method, read);
      BIO_meth_set_write(method, write);
      BIO_meth_set_ctrl(method, control);
      return method;
    }();
    return made;
  }
};

std::unique_ptr<TlsStream> TlsStream::make(const TlsContext& context, TlsSide side) {
  SSL* const session = context.make_session(side);
  if (session == nullptr) return nullptr;
  std::unique_ptr<TlsStream> stream(new TlsStream(session));
  BIO* const bio = BIO_new(TlsBytes::method());
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, stream.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(session, bio, bio);
  return stream;
}

TlsStream::~TlsStream() { SSL_free(session_); }

void TlsStream::fail(std::string why) {
  state_ = State::failed;
  error_ = std::move(why);
}

size_t TlsStream::read(char* into, size_t room) {
  if (state_ == State::ended || state_ == State::failed) return 0;
  ERR_clear_error();
  const int count = SSL_read(session_, into, static_cast<int>(std::min<size_t>(room, INT_MAX)));
  if (state_ == State::handshake && SSL_is_init_finished(session_)) {
    state_ = State::open;
    established_ = true;
  }
  if (count > 0) return static_cast<size_t>(count);
  switch (SSL_get_error(session_, count)) {
    case SSL_ERROR_WANT_READ:
      break;
    case SSL_ERROR_ZERO_RETURN:
      state_ = State::ended;
      break;
    default:
      fail(take_tls_error());
  }
  return 0;
}

bool TlsStream::write(Bytes text) {
  ERR_clear_error();
  while (!text.empty()) {
    const int part = static_cast<int>(std::min<size_t>(text.size(), INT_MAX));
    const int count = SSL_write(session_, text.data(), part);
    if (count <= 0) {
      fail(take_tls_error());
      return false;
    }
    text.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

void TlsStream::say_goodbye() {
  if (said_goodbye_ || !established_ || state_ == State::failed) return;
  said_goodbye_ = true;
  ERR_clear_error();
  SSL_shutdown(session_);
}

// Memory for one record stays, so that small replies need none from the system.
void TlsStream::sent(size_t bytes) {
  sent_ += bytes;
  if (sent_ < unsent_.size()) return;
  sent_ = 0;
  unsent_.clear();
  if (unsent_.capacity() > 2 * kRecordBytes) unsent_ = {};
}

void TlsStream::release_buffers() {
  SSL_free_buffers(session_);
  if (unsent_.empty()) unsent_ = {};
}

}  // namespace larder
