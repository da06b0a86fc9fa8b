// When a connection sends what is in its outbox: not before it is safe, and within the client's
// limits.
#include "base/clock.h"
#include "server/engine/client_list.h"
#include "server/engine/listeners.h"
#include "server/engine/replication.h"
#include "server/net/connection.h"
#include "server/net/worker.h"

namespace larder {
namespace {

// What a client that has not said who it is may leave unread beyond kUncheckedBytes, as in Redis.
constexpr int64_t kStrangerBytesMax = 1024;

}  // namespace

// CLIENT REPLY OFF and SKIP take the reply back.
void Connection::finish_reply(size_t mark) {
  switch (session_.reply_mode) {
    case ReplyMode::on: break;
    case ReplyMode::off: take_back(mark); break;
    case ReplyMode::skip_next:
      session_.reply_mode = ReplyMode::skip_this;
      take_back(mark);
      break;
    case ReplyMode::skip_this:
      session_.reply_mode = ReplyMode::on;
      take_back(mark);
  }
  session_.reply_is_push = false;
  const SafePoint& safe = worker_.services().listeners.safe_point;
  if (safe.awaits_replicas(session_.effect_end) || outbox_.holds()) [[unlikely]] hold_reply(mark);
  outbox_.append_deferred();
}

void Connection::take_back(size_t mark) {
  if (!session_.reply_is_push) outbox_.output().rewind(mark);
}

// A reply in the making, by a command or by a task that writes it bit by bit, is not cut through.
bool Connection::mid_reply() const {
  return session_.running || (task_ != nullptr && !task_->blocks());
}

void Connection::push(Bytes head, Bytes tail, const std::shared_ptr<const void>& owner) {
  if (closed_) return;
  const char kind = session_.protocol >= 3 ? '>' : '*';
  if (mid_reply()) return outbox_.defer_push(kind, head, tail);
  outbox_.push(kind, head, tail, owner);
  if (has_pushes_) return;
  has_pushes_ = true;
  worker_.flush_soon(*this);
}

void Connection::send_pushes() {
  has_pushes_ = false;
  if (processing_) return;  // sent with the replies
  flush();
  if (!closed_ && !outbox_.output().empty()) check_output_limits(steady_ms());
}

void Connection::send(Bytes bytes) {
  if (closed_) return;
  if (mid_reply()) {
    outbox_.defer(bytes);
  } else {
    outbox_.append(bytes);
    flush();
  }
  if (!closed_) check_output_limits(steady_ms());
}

void Connection::kill(bool after_reply) {
  if (!after_reply) return close();
  session_.close_after_reply = true;
  if (sent_all() && !outbox_.holds()) end_after_reply();
}

void Connection::flush() {
  if (closed_ || writing_) return;
  if (must_hold()) [[unlikely]] return;
  outbox_.peak().note(outbox_.output().pending());
  if (session_.stream != nullptr) [[unlikely]] return flush_stream();
  switch (send_some()) {
    case Written::ended: return;
    case Written::all:
      if (session_.close_after_reply && !outbox_.holds()) end_after_reply();
      return;
    case Written::some: wait_writable();
  }
}

void Connection::wait_writable() {
  writing_ = true;
  transport_.socket().async_wait(Transport::Socket::wait_write,
                                 [self = shared_from_this()](std::error_code error) {
    self->writing_ = false;
    if (error) return self->close();
    if (self->processing_) return;  // its script runs; the reply will be sent with the rest
    self->flush();
    self->read();
  });
}

// Its replies may say that something was written which is not yet as safe as it has to be. It
// comes back when that may have changed.
bool Connection::must_hold() {
  const SafePoint& safe = worker_.services().listeners.safe_point;
  if (!safe.holds(session_.effect_end)) [[likely]] return false;
  if (holding_) return true;
  hold();
  if (safe.holds(session_.effect_end)) return true;
  worker_.release_soon();  // it became safe meanwhile
  return true;
}

Written Connection::send_some() {
  const Written written = transport_.send(outbox_.output());
  const Transport::Traffic traffic = transport_.take_traffic();
  if (traffic.writes > 0) {
    session_.bytes_out += traffic.bytes;
    session_.last_active_ms = worker_.tick_ms();
    WorkerStats& stats = worker_.stats();
    stats.bytes_out.add(traffic.bytes);
    stats.writes.add(traffic.writes);
    if (session_.stream != nullptr && type_of(session_) == ClientType::replica) [[unlikely]] {
      stats.stream_bytes_out.add(traffic.bytes);
    }
  }
  if (written == Written::ended) close();
  return written;
}

void Connection::end_after_reply() {
  transport_.end_sending();
  transport_.discard_input();
  close();
}

bool Connection::delivered() {
  if (!sent_all()) return false;
  transport_.end_sending();
  const auto [bytes, hung_up] = transport_.discard_input();
  silent_polls_ = bytes > 0 ? 0 : silent_polls_ + 1;
  return hung_up || (transport_.unconfirmed_bytes() == 0 && silent_polls_ > kSilentPolls);
}

void Connection::check_output_limits(int64_t now_ms) {
  const LiveSettings& settings = worker_.services().settings;
  const ClientType type = type_of(session_);
  if (type == ClientType::master) return;
  const LiveSettings::OutputLimit& limit =
      type == ClientType::pubsub ? settings.output_limit_pubsub
      : session_.stream != nullptr ? settings.output_limit_replica : settings.output_limit;
  const uint64_t behind = session_.stream != nullptr ? session_.stream->bytes_behind() : 0;
  const auto pending = static_cast<int64_t>(output_bytes() + behind + outbox_.held_bytes());
  // Who has not said who he is gets short errors only.
  const int64_t hard = session_.authenticated ? limit.hard_bytes.load(std::memory_order_relaxed)
                                              : int64_t{kUncheckedBytes} + kStrangerBytesMax;
  const bool soft_broken = soft_output_limit_.is_broken(
      pending - int64_t{kUncheckedBytes}, limit.soft_bytes.load(std::memory_order_relaxed),
      limit.soft_seconds.load(std::memory_order_relaxed), now_ms);
  if ((hard == 0 || pending <= hard) && !soft_broken) return;
  worker_.stats().output_buffer_kills.add(1);
  worker_.events().log_warning("Client closed for overcoming of output buffer limits: id=" +
                               std::to_string(session_.id) + " addr=" + session_.address);
  close();
}

}  // namespace larder
