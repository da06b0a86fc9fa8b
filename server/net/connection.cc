#include "server/net/connection.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "server/commands/client_list.h"
#include "server/commands/listeners.h"
#include "server/commands/replication.h"
#include "server/commands/script_run.h"
#include "server/net/worker.h"

namespace larder {
namespace {

// A client that does not read is not read from either beyond this much unsent output. Large enough
// for a million pipelined small replies, so that clients that write everything before they read
// don't get stuck.
constexpr size_t kUnsentMax = 128 * 1024 * 1024;
// Output is sent in between when a pipeline's replies pile up.
constexpr size_t kFlushBytes = 256 * 1024;

// A TLS handshake that takes longer is given up: long for a slow link, short for a silent peer that
// holds a connection of `maxclients`.
constexpr int64_t kHandshakeMs = 10'000;
// TLS bytes taken with one read: a few records, as they are copied once.
constexpr size_t kCipherBytes = 64 * 1024;

// As much unsent output breaks no limit, however low.
constexpr size_t kUncheckedBytes = 16 * 1024;

// After this long without a byte a client's query buffer is given back.
constexpr int64_t kIdleBufferMs = 2000;

bool is_primary(const Session& session) {
  return session.stream != nullptr && session.stream->kind() == StreamEnd::Kind::primary;
}

class ConnectionWaker : public Waker {
 public:
  explicit ConnectionWaker(std::weak_ptr<Connection> connection)
      : connection_(std::move(connection)) {}
  void wake() override {
    if (auto connection = connection_.lock()) connection->wake_task();
  }

 private:
  std::weak_ptr<Connection> connection_;
};

}  // namespace

Connection::Connection(Worker& worker, Socket socket, Session session,
                       std::unique_ptr<TlsStream> tls)
    : worker_(worker),
      socket_(std::move(socket)),
      tls_(std::move(tls)),
      session_(std::move(session)),
      reply_(output_, 2) {}

void Connection::start(Bytes unread) {
  if (unread.empty()) return read();
  query_.make_room(parser_, unread.size());
  std::memcpy(query_.free_begin(), unread.data(), unread.size());
  on_read(unread.size());
}

size_t Connection::owned_bytes() const {
  return sizeof(Connection) + query_.capacity() + output_.capacity() +
         (tls_ ? tls_->memory_bytes() : 0);
}

// With what the output refers to: it may be the last that does.
size_t Connection::memory_bytes() const {
  return sizeof(Connection) + query_.capacity() + std::max(output_.capacity(), output_.pending()) +
         held_pushes_.capacity() + (tls_ ? tls_->memory_bytes() : 0) +
         (session_.has_state() ? state_bytes(session_) : 0);
}

size_t Connection::reply_buffer_bytes() const {
  constexpr size_t kLeast = 1024;
  constexpr size_t kMost = 16 * 1024;
  return std::clamp(std::bit_ceil(reply_peak_bytes()), kLeast, kMost);
}

void Connection::age_reply_peak(int64_t now_ms) {
  const LiveSettings& settings = worker_.services().settings;
  if (now_ms - peak_since_ms_ < settings.reply_peak_ms.load(std::memory_order_relaxed)) return;
  earlier_peak_ = std::exchange(reply_peak_, 0);
  peak_since_ms_ = now_ms;
}

size_t Connection::argument_bytes() const {
  if ((!held() && !processing_) || batch_next_ == 0) return 0;
  size_t bytes = 0;
  for (const Bytes arg : batch_[batch_next_ - 1].args) bytes += arg.size();
  return bytes;
}

void Connection::read() {
  if (closed_ || reading_ || stopping_ || parse_failed_ || held()) return;
  if (output_.pending() > kUnsentMax) return;  // write_some starts reading again
  const size_t wanted = batch_.empty() ? 1 : 0;
  query_.make_room(parser_, std::max(wanted, parser_.bytes_wanted()));
  size_t room = query_.free_bytes();
  if (tls_) [[unlikely]] {
    if (tls_->state() == TlsStream::State::ended) return close();
    room = std::min(room, kCipherBytes);
  }
  reading_ = true;
  socket_.async_read_some(
      asio::buffer(query_.free_begin(), room),
      WithMemory(read_memory_, [self = shared_from_this()](std::error_code error, size_t bytes) {
        self->reading_ = false;
        const bool giving_up = std::exchange(self->giving_up_buffer_, false);
        if (!error) return self->on_read(bytes);  // giving up came too late
        giving_up ? self->wait_without_buffer() : self->close();
      }));
}

// An idle client keeps no query buffer: thousands of them cost a few hundred bytes each.
void Connection::wait_without_buffer() {
  if (closed_) return;
  query_.release(parser_);
  if (tls_) tls_->release_buffers();
  batch_ = {};
  reading_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](std::error_code error) {
    self->reading_ = false;
    if (error) return self->close();
    self->read();
  });
}

void Connection::on_read(size_t bytes) {
  if (closed_ || stopping_) return;
  session_.bytes_in += bytes;
  worker_.stats().bytes_in.add(bytes);
  worker_.stats().reads.add(1);
  if (!tls_) [[likely]] {
    query_.filled(bytes);
  } else if (!decrypt(bytes)) {
    return;
  }
  session_.last_active_ms = worker_.tick_ms();
  const auto limit = worker_.services().settings.query_buffer_max.load(std::memory_order_relaxed);
  if (static_cast<int64_t>(query_bytes()) > limit) {
    worker_.stats().query_buffer_kills.add(1);
    worker_.events().log_warning("Closing client that reached max query buffer length: id=" +
                                 std::to_string(session_.id) + " addr=" + session_.address);
    return close();
  }
  note_growth();
  if (closed_) return;
  if (!processing_ && batch_next_ == batch_.size() && parse_batch() > 0) {
    prepare_batch();
    return worker_.run_soon(shared_from_this(), batch_.size());
  }
  process();
}

void Connection::process() {
  if (processing_) return;
  run_round();
  worker_.finish_round();
}

void Connection::run_round() {
  run_requests();
  finish_round();
}

void Connection::run_requests() {
  if (processing_) return;
  processing_ = true;
  while (!closed_ && !held() && !session_.close_after_reply) {
    if (batch_next_ == batch_.size()) {
      if (parse_batch() == 0) break;
      prepare_batch();
      prefetch_entries();
    }
    run_batch();
    if (output_.pending() > kFlushBytes) flush();
  }
  processing_ = false;
}

void Connection::finish_round() {
  if (closed_ || processing_) return;
  flush();
  if (!closed_) note_growth();
  read();
}

// maxmemory-clients, not only from time to time: who grows fast goes before the next command runs.
void Connection::note_growth() {
  constexpr size_t kNoticeableBytes = 64 * 1024;
  const LiveSettings& settings = worker_.services().settings;
  if (settings.clients_bytes_max.load(std::memory_order_relaxed) == 0) [[likely]] return;
  if (memory_bytes() > counted_bytes_ + kNoticeableBytes) worker_.evict_clients();
}

// Fills batch_ with whole requests. A stranger's requests are taken one at a time: AUTH changes
// what the next may be.
size_t Connection::parse_batch() {
  batch_.clear();
  batch_next_ = 0;
  if (parse_failed_) return 0;
  parser_.start_batch();
  const LiveSettings& settings = worker_.services().settings;
  RequestLimits limits{settings.bulk_bytes_max.load(std::memory_order_relaxed),
                       session_.authenticated};
  if (session_.stream != nullptr) [[unlikely]] {
    stream_at_ = query_.bytes().data() + parser_.position();
    limits.arrays_only = is_primary(session_);
  }
  const size_t most = session_.authenticated ? kBatch : 1;
  struct Range {
    size_t first, count;
  };
  std::array<Range, kBatch> ranges;
  while (batch_.size() < most) {
    const RequestParser::Outcome outcome = parser_.next(query_.bytes(), limits);
    if (outcome == RequestParser::Outcome::empty) continue;
    if (outcome == RequestParser::Outcome::error) parse_failed_ = true;
    if (outcome != RequestParser::Outcome::request) break;
    ranges[batch_.size()] = {parser_.first_arg(), parser_.args().size()};
    batch_.emplace_back();
  }
  for (size_t i = 0; i < batch_.size(); ++i) {
    batch_[i].args = parser_.args_of(ranges[i].first, ranges[i].count);
  }
  if (parse_failed_ && batch_.empty()) {
    worker_.dispatcher().protocol_error(parser_.error(), reply_);
    session_.close_after_reply = true;
  }
  return batch_.size();
}

void Connection::prepare_batch() {
  Dispatcher& dispatcher = worker_.dispatcher();
  for (size_t i = 0; i < batch_.size(); ++i) {
    dispatcher.prepare(batch_[i]);
    dispatcher.prefetch_bucket(batch_[i], session_);
  }
}

void Connection::prefetch_entries() {
  for (size_t i = batch_next_; i < batch_.size(); ++i) {
    worker_.dispatcher().prefetch_entry(batch_[i], session_);
  }
}

void Connection::run_batch() {
  const int64_t now_ms = unix_ms();
  if (is_primary(session_) && !run_stream_batch(now_ms)) [[unlikely]] return;
  while (batch_next_ < batch_.size() && !closed_ && !session_.close_after_reply) {
    if (!run_one(batch_[batch_next_], now_ms)) return;
  }
  // The request behind the last good one could not be parsed.
  if (parse_failed_ && !closed_ && !session_.close_after_reply) {
    worker_.dispatcher().protocol_error(parser_.error(), reply_);
    session_.close_after_reply = true;
  }
}

// Returns false when the batch has to wait.
bool Connection::run_one(const Request& request, int64_t now_ms) {
  if (waker_ == nullptr) waker_ = std::make_shared<ConnectionWaker>(weak_from_this());
  const size_t mark = output_.mark();
  reply_.set_version(session_.protocol);
  Dispatcher& dispatcher = worker_.dispatcher();
  const auto outcome = is_primary(session_)
                           ? dispatcher.run_stream(request, session_, reply_, now_ms, waker_)
                           : dispatcher.run(request, session_, reply_, now_ms, waker_);
  switch (outcome) {
    case Dispatcher::Outcome::postponed:
      postponed_ = true;
      set_blocked(true);
      worker_.retry_later();
      return false;
    case Dispatcher::Outcome::task:
      ++batch_next_;
      task_ = dispatcher.take_task();
      task_mark_ = mark;
      set_blocked(task_->blocks());
      drive_task();
      if (task_ != nullptr && task_->blocks()) watch_for_hang_up();
      return task_ == nullptr;
    case Dispatcher::Outcome::done:
      ++batch_next_;
      finish_reply(mark);
  }
  if (output_.pending() > kUncheckedBytes) [[unlikely]] {
    check_output_limits(worker_.tick_ms());
    if (closed_) return false;
  }
  // Its own pushes come before its next reply.
  if (session_.listens()) [[unlikely]] worker_.finish_round_now();
  return true;
}

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
  output_.append(held_pushes_);
  held_pushes_ = {};
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
  output_.append(kind);
  output_.append(head);
  if (tail.size() >= Output::kPieceBytesMin) {
    output_.append_shared(tail, owner);
  } else {
    output_.append(tail);
  }
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

void Connection::drive_task() {
  if (closed_ || stopping_ || task_ == nullptr) return;
  if (task_->walks_store() && worker_.services().script.is_long()) [[unlikely]] {
    return drive_task_later();
  }
  const int64_t now_ms = unix_ms();
  reply_.set_version(session_.protocol);
  if (task_->blocks()) task_mark_ = output_.mark();  // pushes may have come in between
  const Task::Progress progress = task_->step(reply_, now_ms);
  if (output_.pending() > kUncheckedBytes) check_output_limits(worker_.tick_ms());
  if (closed_) return;
  switch (progress) {
    case Task::Progress::again:
      asio::post(worker_.loop(), [self = shared_from_this()] { self->drive_task(); });
      return;
    case Task::Progress::wait: return wait_for_task(now_ms);
    case Task::Progress::done: break;
  }
  session_.effect_end = std::max(session_.effect_end, task_->effect_end());
  task_.reset();
  set_blocked(false);
  if (task_timer_) task_timer_->cancel();
  finish_reply(task_mark_);
  process();
}

// Nothing is read while a client waits for data. That it hangs up must be seen all the same, before
// it gets what others could have. Of a client that sends on, tick() sees it later.
void Connection::watch_for_hang_up() {
  if (watching_) return;
  watching_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](std::error_code error) {
    self->watching_ = false;
    if (!error && self->held() && self->is_hung_up()) self->close();
  });
}

// On TLS the peer's goodbye stands unread before it.
bool Connection::is_hung_up() {
  if (closed_) return false;
  if (tls_) {
    pollfd wanted{socket_.native_handle(), POLLRDHUP, 0};
    return ::poll(&wanted, 1, 0) > 0;
  }
  char byte = 0;
  return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void Connection::set_blocked(bool blocked) {
  if (session_.blocked == blocked) return;
  session_.blocked = blocked;
  Counter& count = worker_.stats().blocked;
  count.set(count.get() + (blocked ? 1 : -1));
}

void Connection::wait_for_task(int64_t now_ms) {
  const int64_t wake_ms = task_->wake_ms();
  if (wake_ms == INT64_MAX) return;
  if (!task_timer_) task_timer_ = std::make_unique<asio::steady_timer>(worker_.loop());
  task_timer_->expires_after(std::chrono::milliseconds(std::max<int64_t>(wake_ms - now_ms, 0)));
  task_timer_->async_wait([self = shared_from_this()](std::error_code error) {
    if (!error) self->drive_task();
  });
}

// The task would only meet locks that a script holds.
void Connection::drive_task_later() {
  constexpr int64_t kAgainMs = 5;
  if (!task_timer_) task_timer_ = std::make_unique<asio::steady_timer>(worker_.loop());
  task_timer_->expires_after(std::chrono::milliseconds(kAgainMs));
  task_timer_->async_wait([self = shared_from_this()](std::error_code error) {
    if (!error) self->drive_task();
  });
}

void Connection::wake_task() {
  asio::post(worker_.loop(), [self = shared_from_this()] { self->drive_task(); });
}

void Connection::retry() {
  if (!postponed_) return;
  postponed_ = false;
  set_blocked(false);
  process();
}

bool Connection::unblock(bool with_error) {
  if (task_ == nullptr) return false;
  if (task_->blocks()) task_mark_ = output_.mark();  // pushes may have come in between
  if (!task_->unblock(reply_, with_error)) return false;
  task_.reset();
  set_blocked(false);
  finish_reply(task_mark_);
  asio::post(worker_.loop(), [self = shared_from_this()] { self->process(); });
  return true;
}

void Connection::send(Bytes bytes) {
  if (closed_) return;
  if (mid_reply()) {
    held_pushes_.append(bytes);
  } else {
    output_.append(bytes);
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
  reply_peak_ = std::max(reply_peak_, output_.pending());
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
    worker_.stats().bytes_out.add(static_cast<uint64_t>(sent));
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
  const int64_t hard = limit.hard_bytes.load(std::memory_order_relaxed);
  const int64_t soft = limit.soft_bytes.load(std::memory_order_relaxed);
  if (soft == 0 || pending <= soft) {
    over_soft_since_ms_ = 0;
  } else if (over_soft_since_ms_ == 0) {
    over_soft_since_ms_ = now_ms;
  }
  const int64_t soft_ms = limit.soft_seconds.load(std::memory_order_relaxed) * 1000;
  const bool soft_over = over_soft_since_ms_ != 0 && now_ms - over_soft_since_ms_ > soft_ms;
  if ((hard == 0 || pending <= hard) && !soft_over) return;
  worker_.stats().output_buffer_kills.add(1);
  worker_.events().log_warning("Client closed for overcoming of output buffer limits: id=" +
                               std::to_string(session_.id) + " addr=" + session_.address);
  close();
}

void Connection::tick(int64_t now_ms) {
  const size_t bytes = owned_bytes();
  worker_.services().store.memory().add(static_cast<int64_t>(bytes) -
                                        static_cast<int64_t>(counted_bytes_));
  counted_bytes_ = bytes;
  query_.let_shrink();
  age_reply_peak(now_ms);
  check_output_limits(now_ms);
  if (closed_) return;
  const int64_t idle_max_ms =
      worker_.services().settings.idle_seconds_max.load(std::memory_order_relaxed) * 1000;
  if (held_replies_ != nullptr) {
    release_held();
    flush();
    if (closed_) return;
  }
  const bool may_be_silent =
      session_.monitor || session_.stream != nullptr || session_.subscriptions != nullptr;
  if (idle_max_ms > 0 && !held() && !may_be_silent &&
      now_ms - session_.last_active_ms > idle_max_ms) {
    worker_.events().log_verbose("Closing idle client " + session_.address);
    return close();
  }
  if (tls_ && !tls_->established() && now_ms - session_.created_ms > kHandshakeMs) {
    worker_.stats().tls_failures.add(1);
    worker_.events().log_verbose("TLS handshake took too long: addr=" + session_.address);
    return close();
  }
  const bool buffer_unused = reading_ && !writing_ && query_.capacity() > 0 &&
                             query_.size() == parser_.position() && !parser_.pending();
  if (buffer_unused && now_ms - session_.last_active_ms > kIdleBufferMs) {
    giving_up_buffer_ = true;
    std::error_code ignored;
    socket_.cancel(ignored);
    return;
  }
  if (held() && is_hung_up()) close();
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();  // outlives its place in the worker's list
  if (tls_) say_goodbye();
  if (session_.monitor) worker_.services().monitors.fetch_sub(1);
  if (session_.stream != nullptr) session_.stream->closed();
  if (session_.has_state()) {
    worker_.services().listeners.forget(*this, worker_.services().store);
  }
  if (task_timer_) task_timer_->cancel();
  task_.reset();
  set_blocked(false);
  std::error_code ignored;
  socket_.close(ignored);
  worker_.services().store.memory().add(-static_cast<int64_t>(counted_bytes_));
  worker_.remove(*this);
}

}  // namespace larder
