#include "server/net/connection.h"

#include <algorithm>
#include <asio/error.hpp>
#include <utility>

#include "base/clock.h"
#include "server/engine/client_list.h"
#include "server/engine/listeners.h"
#include "server/engine/replication.h"
#include "server/engine/script_run.h"
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

// Requests that run one after the other see the same time for so long.
constexpr int64_t kClockHoldsNs = 200'000;

// After this long without a byte a client's query buffer is given back.
constexpr int64_t kIdleBufferMs = 2000;
// Room for the beginning of a large argument of the primary's stream; then it doubles.
constexpr size_t kFirstPieceBytes = 1024 * 1024;

}  // namespace

Connection::Connection(Worker& worker, Transport transport, Session session)
    : worker_(worker),
      transport_(std::move(transport)),
      session_(std::move(session)),
      reply_(outbox_.output(), 2) {}

void Connection::start(Bytes unread) {
  if (unread.empty()) return read();
  intake_.take(unread);
  session_.bytes_in += unread.size();
  process();
}

size_t Connection::owned_bytes() const {
  return sizeof(Connection) + intake_.capacity() + outbox_.capacity() +
         (ahead_ ? ahead_->capacity() : 0) + transport_.memory_bytes() +
         (session_.has_state() ? state_bytes(session_) : 0);
}

// With what the output refers to: it may be the last that does.
size_t Connection::memory_bytes() const {
  const Output& output = outbox_.output();
  return owned_bytes() + std::max(output.capacity(), output.pending()) - output.capacity();
}

// A request that runs still stands in the buffer.
size_t Connection::query_bytes() const {
  const bool runs = held() || processing_;
  return ahead_bytes() + (runs ? intake_.bytes() : intake_.unparsed_bytes());
}

size_t Connection::argument_bytes() const {
  return held() || processing_ ? intake_.running_bytes() : intake_.coming_bytes();
}

void Connection::read() {
  if (closed_ || reading_ || stopping_ || intake_.failed() || held()) return;
  if (session_.close_after_reply) return;
  // Requests that are parsed lie in the query buffer; when they have run it is read on.
  if (processing_ || intake_.has_next()) return;
  if (outbox_.output().pending() > kUnsentMax) return;  // wait_writable starts reading again
  if (ahead_ != nullptr) [[unlikely]] return take_read_ahead();
  size_t wanted = intake_.bytes_wanted();
  // No limit holds for what a primary announces, so room is made as it comes.
  if (follows_primary(session_)) {
    wanted = std::min(wanted, std::max(kFirstPieceBytes, intake_.bytes()));
  }
  // A record is of no use before it is whole.
  if (transport_.tls() != nullptr) wanted = std::max(wanted, TlsStream::kRecordBytes);
  intake_.make_room(wanted);
  read_socket();
}

void Connection::read_socket() {
  size_t room = intake_.free_bytes();
  if (const TlsStream* tls = transport_.tls()) [[unlikely]] {
    if (tls->state() == TlsStream::State::ended) return end_of_input(asio::error::eof);
    room = std::min(room, kCipherBytes);
  }
  reading_ = true;
  transport_.socket().async_read_some(
      asio::buffer(intake_.free_begin(), room),
      WithMemory(read_memory_, [self = shared_from_this()](std::error_code error, size_t bytes) {
        self->reading_ = false;
        const bool giving_up = std::exchange(self->giving_up_buffer_, false);
        if (!error) return self->on_read(bytes);  // giving up came too late
        giving_up ? self->wait_without_buffer() : self->end_of_input(error);
      }));
}

// A client that only ended its side still takes what it asked for; a replica that did is gone.
void Connection::end_of_input(std::error_code error) {
  const bool has_all = sent_all() && !outbox_.holds();
  if (error != asio::error::eof || has_all || session_.stream != nullptr) return close();
  session_.close_after_reply = true;
}

// An idle client keeps no query buffer: thousands of them cost a few hundred bytes each. One amid a
// request keeps what it has sent.
void Connection::wait_without_buffer() {
  if (closed_) return;
  intake_.give_back_memory();
  transport_.release_buffers();
  reading_ = true;
  transport_.socket().async_wait(Transport::Socket::wait_read,
                                 [self = shared_from_this()](std::error_code error) {
    self->reading_ = false;
    if (error) return self->close();
    self->read();
  });
}

void Connection::on_read(size_t bytes) {
  if (closed_ || stopping_) return;
  session_.bytes_in += bytes;
  worker_.stats().bytes_in.add(bytes);
  if (follows_primary(session_)) [[unlikely]] worker_.stats().stream_bytes_in.add(bytes);
  worker_.stats().reads.add(1);
  if (transport_.tls() == nullptr) [[likely]] {
    intake_.filled(bytes);
  } else if (!decrypt(bytes)) {
    return;
  }
  session_.last_active_ms = worker_.tick_ms();
  if (is_overlong(unrun_bytes())) return close_overlong();
  if (has_grown()) [[unlikely]] worker_.evict_clients();
  if (closed_) return;
  if (!processing_ && !intake_.has_next() && next_batch()) {
    return worker_.run_soon(shared_from_this(), intake_.rest().size());
  }
  process();
}

bool Connection::is_overlong(size_t input_bytes) const {
  const auto limit = worker_.services().settings.query_buffer_max.load(std::memory_order_relaxed);
  return static_cast<int64_t>(input_bytes) > limit && !follows_primary(session_);
}

void Connection::close_overlong() {
  worker_.stats().query_buffer_kills.add(1);
  worker_.events().log_warning("Closing client that reached max query buffer length: id=" +
                               std::to_string(session_.id) + " addr=" + session_.address);
  close();
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
    if (!intake_.has_next()) {
      if (!next_batch()) break;
      EntryList entries;
      look_ahead(entries);
      entries.fetch();
    }
    run_batch();
    if (outbox_.output().pending() > kFlushBytes) flush();
  }
  processing_ = false;
}

void Connection::finish_round() {
  send_replies();
  read_on();
}

void Connection::send_replies() {
  if (closed_ || processing_) return;
  flush();
  if (has_grown()) [[unlikely]] worker_.evict_clients();
}

void Connection::read_on() {
  if (!processing_) read();
}

// maxmemory-clients, not only from time to time: who grows fast goes before the next command runs.
bool Connection::has_grown() const {
  constexpr size_t kNoticeableBytes = 64 * 1024;
  const LiveSettings& settings = worker_.services().settings;
  if (settings.clients_bytes_max.load(std::memory_order_relaxed) == 0) [[likely]] return false;
  return !closed_ && memory_bytes() > counted_bytes_ + kNoticeableBytes;
}

// Parses the requests that run next. Returns false when there are none.
bool Connection::next_batch() {
  if (parse_batch() > 0) {
    prepare_batch();
    return true;
  }
  if (intake_.failed()) answer_parse_error();
  return false;
}

// A stranger's requests are taken one at a time: AUTH changes what the next may be.
size_t Connection::parse_batch() {
  const LiveSettings& settings = worker_.services().settings;
  RequestLimits limits{settings.bulk_bytes_max.load(std::memory_order_relaxed),
                       session_.authenticated};
  if (session_.stream != nullptr) [[unlikely]] {
    stream_at_ = intake_.batch_end();
    if (follows_primary(session_)) {
      limits.arrays_only = true;
      limits.bulk_bytes_max = INT64_MAX;
    }
  }
  return intake_.parse_batch(limits, session_.authenticated ? RequestIntake::kBatch : 1);
}

void Connection::answer_parse_error() {
  if (session_.close_after_reply) return;
  const size_t mark = outbox_.output().mark();
  worker_.dispatcher().protocol_error(intake_.error(), reply_);
  if (session_.reply_mode != ReplyMode::on) take_back(mark);
  session_.close_after_reply = true;
}

void Connection::prepare_batch() {
  Dispatcher& dispatcher = worker_.dispatcher();
  for (Request& request : intake_.rest()) dispatcher.prepare(request);
  BucketList buckets;
  dispatcher.look_ahead(intake_.rest(), session_, buckets);
  buckets.fetch();
}

void Connection::look_ahead(EntryList& entries) {
  worker_.dispatcher().look_ahead(intake_.rest(), session_, entries);
}

void Connection::run_batch() {
  int64_t now_ms = unix_ms();
  if (follows_primary(session_) && !run_stream_batch(now_ms)) [[unlikely]] return;
  Dispatcher& dispatcher = worker_.dispatcher();
  dispatcher.start_clock();
  uint64_t looked_ticks = dispatcher.clock_ticks();
  while (intake_.has_next() && !closed_ && !session_.close_after_reply) {
    if (!run_one(intake_.next(), now_ms)) return;
    if (ticks_to_ns(dispatcher.clock_ticks() - looked_ticks) < kClockHoldsNs) [[likely]] continue;
    now_ms = unix_ms();
    looked_ticks = dispatcher.clock_ticks();
  }
  // The request behind the last good one could not be parsed.
  if (intake_.failed() && !closed_) answer_parse_error();
}

// Returns false when the batch has to wait.
bool Connection::run_one(const Request& request, int64_t now_ms) {
  if (waker_ == nullptr) make_waker();
  // What comes before the reply must be out before it begins: the reply may be taken back.
  if (session_.listens()) [[unlikely]] {
    worker_.finish_round_now();
    if (closed_) return false;
  }
  const size_t mark = outbox_.output().mark();
  reply_.set_version(session_.protocol);
  switch (dispatch(request, now_ms)) {
    case Dispatcher::Outcome::postponed:
      postponed_ = true;
      set_blocked(true);
      worker_.retry_later();
      return false;
    case Dispatcher::Outcome::task:
      intake_.take_next();
      begin_task();
      return task_ == nullptr;
    case Dispatcher::Outcome::done:
      intake_.take_next();
      finish_reply(mark);
  }
  if (outbox_.output().pending() > kUncheckedBytes) [[unlikely]] {
    check_output_limits(worker_.tick_ms());
    if (closed_) return false;
  }
  // Its own pushes come before its next reply.
  if (session_.listens()) [[unlikely]] worker_.finish_round_now();
  return true;
}

Dispatcher::Outcome Connection::dispatch(const Request& request, int64_t now_ms) {
  Dispatcher& dispatcher = worker_.dispatcher();
  return follows_primary(session_)
             ? dispatcher.run_stream(request, session_, reply_, now_ms, waker_)
             : dispatcher.run(request, session_, reply_, now_ms, waker_);
}

void Connection::tick(int64_t now_ms) {
  const LiveSettings& settings = worker_.services().settings;
  report_memory();
  intake_.let_shrink();
  outbox_.peak().age(now_ms, settings.reply_peak_ms.load(std::memory_order_relaxed));
  check_output_limits(now_ms);
  if (closed_) return;
  if (outbox_.holds() && !processing_ && !mid_reply()) {
    release_held();
    flush();
    if (closed_) return;
  }
  if (is_idle(now_ms)) {
    worker_.events().log_verbose("Closing idle client " + session_.address);
    return close();
  }
  if (is_handshake_overdue(now_ms)) {
    worker_.stats().tls_failures.add(1);
    worker_.events().log_verbose("TLS handshake took too long: addr=" + session_.address);
    return close();
  }
  if (keeps_unused_buffer(now_ms)) {
    giving_up_buffer_ = true;
    std::error_code ignored;
    transport_.socket().cancel(ignored);
    return;
  }
  if (held() && is_hung_up()) close();
}

void Connection::report_memory() {
  const size_t bytes = owned_bytes();
  worker_.services().store.memory().add(static_cast<int64_t>(bytes) -
                                        static_cast<int64_t>(counted_bytes_));
  counted_bytes_ = bytes;
}

// For longer than `timeout`, with nothing that it could be waiting for.
bool Connection::is_idle(int64_t now_ms) const {
  const LiveSettings& settings = worker_.services().settings;
  const int64_t most_ms = settings.idle_seconds_max.load(std::memory_order_relaxed) * 1000;
  const bool may_be_silent = held() || processing_ || session_.monitor ||
                             session_.stream != nullptr || session_.subscriptions != nullptr ||
                             outbox_.holds();
  return most_ms > 0 && !may_be_silent && now_ms - session_.last_active_ms > most_ms;
}

bool Connection::is_handshake_overdue(int64_t now_ms) const {
  const TlsStream* tls = transport_.tls();
  return tls != nullptr && !tls->established() && now_ms - session_.created_ms > kHandshakeMs;
}

bool Connection::keeps_unused_buffer(int64_t now_ms) const {
  return reading_ && !writing_ && intake_.keeps_too_much() &&
         now_ms - session_.last_active_ms > kIdleBufferMs;
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();  // outlives its place in the worker's list
  if (session_.monitor) worker_.services().monitors.fetch_sub(1);
  if (session_.stream != nullptr) session_.stream->closed();
  if (session_.has_state()) {
    worker_.services().listeners.forget(*this, worker_.services().store);
  }
  if (task_timer_) task_timer_->cancel();
  set_blocked(false);
  task_.reset();
  transport_.close();
  worker_.services().store.memory().add(-static_cast<int64_t>(counted_bytes_));
  worker_.remove(*this);
}

}  // namespace larder
