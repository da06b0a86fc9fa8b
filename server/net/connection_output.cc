// What a connection sends: replies and pushes in their order, held back while they are not safe
// yet, within the socket's room and the client's limits.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.h"
#include "server/engine/client_list.h"
#include "server/engine/listeners.h"
#include "server/engine/replication.h"
#include "server/net/connection.h"
#include "server/net/worker.h"

namespace larder {

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
  if (safe.awaits_replicas(session_.effect_end) || held_replies_ != nullptr) [[unlikely]] {
    hold_reply(mark);
  }
  if (!held_pushes_.empty()) [[unlikely]] append_held_pushes();
}

void Connection::take_back(size_t mark) {
  if (!session_.reply_is_push) output_.rewind(mark);
}

void Connection::append_held_pushes() {
  const size_t mark = output_.mark();
  output_.append(held_pushes_);
  held_pushes_ = {};
  put_behind_held_replies(mark);
}

// An invalidation does not overtake the value that it is about.
void Connection::put_behind_held_replies(size_t mark) {
  if (held_replies_ != nullptr) [[unlikely]] held_replies_->add_behind(output_, mark);
}

// A reply in the making, by a command or by a task that writes it bit by bit, is not cut through.
bool Connection::mid_reply() const {
  return session_.running || (task_ != nullptr && !task_->blocks());
}

void Connection::push(Bytes head, Bytes tail, const std::shared_ptr<const void>& owner) {
  if (closed_) return;
  const char kind = session_.protocol >= 3 ? '>' : '*';
  if (mid_reply()) {
    held_pushes_.append(1, kind).append(head).append(tail);
    return;
  }
  const size_t mark = output_.mark();
  output_.append(kind);
  output_.append(head);
  if (tail.size() >= Output::kPieceBytesMin) {
    output_.append_shared(tail, owner);
  } else {
    output_.append(tail);
  }
  put_behind_held_replies(mark);
  if (has_pushes_) return;
  has_pushes_ = true;
  worker_.flush_soon(*this);
}

void Connection::send_pushes() {
  has_pushes_ = false;
  if (processing_) return;  // sent with the replies
  flush();
  if (!closed_ && !output_.empty()) check_output_limits(steady_ms());
}

void Connection::send(Bytes bytes) {
  if (closed_) return;
  if (mid_reply()) {
    held_pushes_.append(bytes);
  } else {
    const size_t mark = output_.mark();
    output_.append(bytes);
    put_behind_held_replies(mark);
    flush();
  }
  if (!closed_) check_output_limits(steady_ms());
}

void Connection::kill(bool after_reply) {
  if (!after_reply) return close();
  session_.close_after_reply = true;
  if (sent_all() && held_replies_ == nullptr) end_after_reply();
}

void Connection::flush() {
  if (closed_ || writing_) return;
  if (must_hold()) [[unlikely]] return;
  reply_peak_.note(output_.pending());
  if (session_.stream != nullptr) [[unlikely]] return flush_stream();
  switch (send_some()) {
    case Written::ended: return;
    case Written::all:
      if (session_.close_after_reply && held_replies_ == nullptr) end_after_reply();
      return;
    case Written::some: wait_writable();
  }
}

void Connection::wait_writable() {
  writing_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](std::error_code error) {
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

// One write of up to `most` bytes. Returns how many went, 0 when the socket takes none now, -1 when
// the connection ended.
ssize_t Connection::send_now(const Bytes* views, size_t views_count, size_t most) {
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
    if (sent < 0 && errno == EAGAIN) return 0;
    if (sent < 0) {
      close();
      return -1;
    }
    session_.bytes_out += static_cast<uint64_t>(sent);
    session_.last_active_ms = worker_.tick_ms();
    worker_.stats().bytes_out.add(static_cast<uint64_t>(sent));
    if (session_.stream != nullptr && type_of(session_) == ClientType::replica) [[unlikely]] {
      worker_.stats().stream_bytes_out.add(static_cast<uint64_t>(sent));
    }
    worker_.stats().writes.add(1);
    return sent;
  }
}

// Sends what the socket takes now, within kWriteBytes.
Connection::Written Connection::write_some() {
  size_t left = kWriteBytes;
  while (!output_.empty()) {
    if (left == 0) return Written::some;
    std::array<Bytes, kWritePieces> views;
    const ssize_t sent = send_now(views.data(), output_.gather(views.data(), views.size()), left);
    if (sent <= 0) return sent < 0 ? Written::ended : Written::some;
    output_.consume(static_cast<size_t>(sent));
    left -= static_cast<size_t>(sent);
  }
  return Written::all;
}

void Connection::end_after_reply() {
  if (tls_) say_goodbye();
  ::shutdown(socket_.native_handle(), SHUT_WR);
  bool hung_up = false;
  discard_input(hung_up);
  close();
}

// Without reading what the client still sent, closing would reset the connection and might destroy
// the reply on its way. Returns how many bytes went.
size_t Connection::discard_input(bool& hung_up) {
  char waste[4096];
  size_t discarded = 0;
  for (int i = 0; i < 64; ++i) {
    const ssize_t bytes = ::recv(socket_.native_handle(), waste, sizeof waste, MSG_DONTWAIT);
    hung_up = bytes == 0;
    if (bytes <= 0) break;
    discarded += static_cast<size_t>(bytes);
  }
  return discarded;
}

bool Connection::delivered() {
  if (!sent_all()) return false;
  if (tls_) say_goodbye();
  ::shutdown(socket_.native_handle(), SHUT_WR);
  bool hung_up = false;
  silent_polls_ = discard_input(hung_up) > 0 ? 0 : silent_polls_ + 1;
  int on_the_way = 0;  // bytes that the client's machine has not confirmed
  if (::ioctl(socket_.native_handle(), SIOCOUTQ, &on_the_way) != 0) on_the_way = 0;
  return hung_up || (on_the_way == 0 && silent_polls_ > kSilentPolls);
}

void Connection::check_output_limits(int64_t now_ms) {
  const LiveSettings& settings = worker_.services().settings;
  const ClientType type = type_of(session_);
  if (type == ClientType::master) return;
  const LiveSettings::OutputLimit& limit =
      type == ClientType::pubsub ? settings.output_limit_pubsub
      : session_.stream != nullptr ? settings.output_limit_replica : settings.output_limit;
  const uint64_t behind = session_.stream != nullptr ? session_.stream->bytes_behind() : 0;
  const size_t waiting = held_replies_ != nullptr ? held_replies_->bytes() : 0;
  const auto pending = static_cast<int64_t>(output_bytes() + behind + waiting);
  // Who has not said who he is gets short errors only.
  const int64_t hard = session_.authenticated ? limit.hard_bytes.load(std::memory_order_relaxed)
                                              : int64_t{kUncheckedBytes} + kStrangerBytesMax;
  const int64_t soft = limit.soft_bytes.load(std::memory_order_relaxed);
  // By CLIENT LIST's omem, in which others see it pass the limit.
  if (soft == 0 || pending - static_cast<int64_t>(kUncheckedBytes) <= soft) {
    over_soft_since_ms_ = 0;
  } else if (over_soft_since_ms_ == 0) {
    over_soft_since_ms_ = steady_ms();  // now_ms may be a little behind
  }
  // By the seconds of the clock, as Redis counts.
  const int64_t over_s = now_ms / 1000 - over_soft_since_ms_ / 1000;
  const bool soft_over =
      over_soft_since_ms_ != 0 && over_s > limit.soft_seconds.load(std::memory_order_relaxed);
  if ((hard == 0 || pending <= hard) && !soft_over) return;
  worker_.stats().output_buffer_kills.add(1);
  worker_.events().log_warning("Client closed for overcoming of output buffer limits: id=" +
                               std::to_string(session_.id) + " addr=" + session_.address);
  close();
}

}  // namespace larder
