// What a connection does that is no ordinary client's: the connection of a replica, which is fed
// from the effect log, and the one to the primary, whose requests are run without being answered.
// Also the replies that wait for replicas.
#include <asio/post.hpp>
#include <string>
#include <utility>

#include "base/clock.h"
#include "server/engine/listeners.h"
#include "server/engine/replication.h"
#include "server/net/connection.h"
#include "server/net/worker.h"

namespace larder {

// Where a request ends in the buffer follows from its last word: the parser takes arrays only.
// Returns false when the batch has to wait.
bool Connection::run_stream_batch(int64_t now_ms) {
  const std::shared_ptr<StreamEnd> stream = session_.stream;
  while (intake_.has_next() && !closed_) {
    const size_t left = intake_.rest().size();
    const Request& request = intake_.next();
    const Bytes last = request.args.back();
    const char* const end = last.data() + last.size() + 2;
    session_.verbatim = {stream_at_, static_cast<size_t>(end - stream_at_)};
    stream->arrives(session_, request.command);
    const bool go_on = run_one(request, now_ms);
    if (session_.close_after_reply) [[unlikely]] {  // the next link begins before this request
      worker_.events().log_warning("MASTER sends what can't be done here: " +
                                   std::string(request.args.front()) + " " + std::string(last));
      close();
      return false;
    }
    if (intake_.rest().size() < left) {
      stream_at_ = end;
      stream->ran(session_);
    }
    if (!go_on) return false;
  }
  return !closed_;
}

// A part at a time, so that a replica that takes all it can get does not keep the worker.
void Connection::flush_stream() {
  constexpr size_t kPartBytes = 256 * 1024;
  Output& output = outbox_.output();
  const bool more = output.pending() < kPartBytes && session_.stream->fill(output, kPartBytes);
  if (closed_) return;
  const Written written = send_some();
  if (written == Written::ended) return;
  session_.stream->sent(written == Written::all);
  if (written == Written::some) return wait_writable();
  if (session_.close_after_reply && !more) return end_after_reply();
  if (!more || feeding_) return;
  feeding_ = true;
  asio::post(worker_.loop(), [self = shared_from_this()] {
    self->feeding_ = false;
    self->flush();
  });
}

void Connection::feed() {
  if (!processing_ && task_ == nullptr) flush();  // else it is done behind the requests
}

// A client that keeps writing would never see a moment at which all it wrote is safe, so replies
// are kept one by one.
void Connection::hold_reply(size_t mark) {
  Services& services = worker_.services();
  const bool waits = services.listeners.safe_point.awaits_replicas(session_.effect_end);
  outbox_.hold(mark, session_.effect_end, steady_ms() + services.replication->ack_timeout_ms());
  if (waits) services.replication->ask_acks();
  hold();
  if (!services.listeners.safe_point.awaits_replicas(session_.effect_end)) worker_.release_soon();
}

// The worker will call release_replies.
void Connection::hold() {
  if (holding_) return;
  holding_ = true;
  worker_.hold(shared_from_this());
}

// A time that is over is answered once: what the client reads then is not about that write.
void Connection::release_held() {
  if (closed_ || !outbox_.holds()) return;
  Services& services = worker_.services();
  reply_.set_version(session_.protocol);
  const uint64_t acked = services.listeners.safe_point.replicas();
  outbox_.release(acked, steady_ms(), [&](uint64_t offset) {
    const std::string error = services.replication->ack_error(offset);
    reply_.error(error);
    worker_.dispatcher().count_error(error);
    if (session_.effect_end == offset) session_.effect_end = 0;
  });
  if (!outbox_.holds()) return;
  services.replication->ask_acks();
  hold();
}

void Connection::release_replies() {
  holding_ = false;
  if (processing_ || mid_reply()) return;  // comes back with that reply
  release_held();
  flush();
  read();
}

}  // namespace larder
