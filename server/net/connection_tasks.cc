// Commands that go on after their first step: tasks that are driven by the loop, that wait for data
// or for time, and requests that were postponed.
#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "server/engine/script_run.h"
#include "server/net/connection.h"
#include "server/net/worker.h"

namespace larder {
namespace {

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

void Connection::make_waker() {
  waker_ = std::make_shared<ConnectionWaker>(weak_from_this());
}

void Connection::begin_task() {
  Dispatcher& dispatcher = worker_.dispatcher();
  task_ = dispatcher.take_task();
  task_clock_ms_ = unix_ms() - steady_ms();
  set_blocked(task_->blocks());
  drive_task();
  dispatcher.start_clock();  // the task's time is not the next command's
  if (task_ != nullptr && task_->blocks()) watch_for_hang_up();
}

void Connection::drive_task() {
  constexpr int64_t kAgainMs = 5;
  if (closed_ || stopping_ || task_ == nullptr) return;
  // It would only meet locks that the script holds.
  if (task_->walks_store() && worker_.services().script.is_long()) [[unlikely]] {
    return drive_task_in(kAgainMs);
  }
  const int64_t now_ms = task_clock_ms_ + steady_ms();  // setting the clock moves no time-out
  reply_.set_version(session_.protocol);
  const size_t mark = outbox_.output().mark();  // a task replies in its last step
  const Task::Progress progress = task_->step(reply_, now_ms);
  if (outbox_.output().pending() > kUncheckedBytes) check_output_limits(worker_.tick_ms());
  if (closed_) return;
  switch (progress) {
    case Task::Progress::again:
      asio::post(worker_.loop(), [self = shared_from_this()] { self->drive_task(); });
      return;
    case Task::Progress::wait: return wait_for_task(now_ms);
    case Task::Progress::done: break;
  }
  session_.effect_end = std::max(session_.effect_end, task_->effect_end());
  if (task_timer_) task_timer_->cancel();
  end_task(mark);
  process();
}

// Its reply stands behind `mark`.
void Connection::end_task(size_t mark) {
  worker_.dispatcher().count_error_of(*task_, outbox_.output(), mark);
  set_blocked(false);
  task_.reset();
  finish_reply(mark);
}

// Nothing is run while a client waits for data. That it hangs up must be seen all the same, before
// it gets what others could have.
void Connection::watch_for_hang_up() {
  if (watching_) return;
  watching_ = true;
  transport_.socket().async_wait(Transport::Socket::wait_read,
                                 [self = shared_from_this()](std::error_code error) {
    self->watching_ = false;
    if (!error && self->held()) self->look_at_input();
  });
}

void Connection::look_at_input() {
  if (closed_) return;
  if (is_hung_up()) return close();
  if (task_ != nullptr && task_->blocks()) read_ahead();
}

// The end stands behind everything the client has sent, of which the kernel takes only some.
void Connection::read_ahead() {
  constexpr size_t kMost = 1024 * 1024;  // then others have their turn
  char piece[16 * 1024];
  for (size_t taken = 0; taken < kMost;) {
    const ssize_t bytes = transport_.receive_now(piece, sizeof piece);
    if (bytes == 0) return close();
    if (bytes < 0) break;
    if (ahead_ == nullptr) ahead_ = std::make_unique<std::string>();
    ahead_->append(piece, static_cast<size_t>(bytes));
    taken += static_cast<size_t>(bytes);
    if (is_overlong(unrun_bytes() + ahead_->size())) return close_overlong();
  }
  watch_for_hang_up();
}

// As if it came just now.
void Connection::take_read_ahead() {
  const std::unique_ptr<std::string> ahead = std::move(ahead_);
  const size_t bytes = ahead->size();
  intake_.make_room(bytes);
  std::memcpy(intake_.free_begin(), ahead->data(), bytes);
  reading_ = true;
  asio::post(worker_.loop(), [self = shared_from_this(), bytes] {
    self->reading_ = false;
    self->giving_up_buffer_ = false;
    self->on_read(bytes);
  });
}

// What it sent before may stand unread. One that only ended its side still takes the reply that is
// in the making; a replica that did is gone.
bool Connection::is_hung_up() {
  if (closed_) return false;
  const bool takes_reply = mid_reply() && session_.stream == nullptr;
  return transport_.is_hung_up(!takes_reply);
}

void Connection::set_blocked(bool blocked) {
  if (session_.blocked == blocked) return;
  session_.blocked = blocked;
  const bool counts_itself = task_ != nullptr && task_->counts_itself();
  if (!counts_itself) worker_.stats().blocked.add(static_cast<uint64_t>(blocked ? 1 : -1));
  const bool for_a_time = blocked && task_ != nullptr && task_->wake_ms() != INT64_MAX;
  if (std::exchange(blocked_for_a_time_, for_a_time) == for_a_time) return;
  worker_.stats().blocked_for_a_time.add(static_cast<uint64_t>(for_a_time ? 1 : -1));
}

void Connection::wait_for_task(int64_t now_ms) {
  constexpr int64_t kPauseMsMax = 24 * 3600 * 1000;  // in ns it must not overflow
  const int64_t wake_ms = task_->wake_ms();
  if (wake_ms != INT64_MAX) drive_task_in(std::clamp<int64_t>(wake_ms - now_ms, 0, kPauseMsMax));
}

void Connection::drive_task_in(int64_t pause_ms) {
  if (!task_timer_) task_timer_ = std::make_unique<asio::steady_timer>(worker_.loop());
  task_timer_->expires_after(std::chrono::milliseconds(pause_ms));
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

bool Connection::unblock(const char* error) {
  if (task_ == nullptr) return false;
  const size_t mark = outbox_.output().mark();
  if (!task_->unblock(reply_, error)) return false;
  end_task(mark);
  asio::post(worker_.loop(), [self = shared_from_this()] { self->process(); });
  return true;
}

}  // namespace larder
