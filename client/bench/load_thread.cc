#include "client/bench/load_thread.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.h"

namespace larder::bench {
namespace {

// The replies of some thousand pipelined GETs. More in one read would only leave the cache.
constexpr size_t kReadBytes = 256 * 1024;
// Longest sleep: how late a stop from outside may be seen.
constexpr int64_t kSleepNsMax = 100'000'000;
// So long before a scheduled start the thread stays awake, because being woken may take as long.
constexpr int64_t kAwakeNs = 100'000;

timespec to_timespec(int64_t ns) { return {ns / 1'000'000'000, ns % 1'000'000'000}; }

}  // namespace

LoadThread::LoadThread(const LoadPlan& plan, std::unique_ptr<RequestSource> source,
                       const std::atomic<bool>& stop)
    : plan_(plan),
      source_(std::move(source)),
      stop_(stop),
      poll_(::epoll_create1(EPOLL_CLOEXEC)),
      buffer_(std::make_unique<char[]>(kReadBytes)),
      stats_(plan.command_count) {}

LoadThread::~LoadThread() { ::close(poll_); }

void LoadThread::add_connection(Stream stream, std::unique_ptr<AnswerReader> reader) {
  const auto index = static_cast<uint32_t>(connections_.size());
  const int fd = stream.fd();
  connections_.push_back({std::move(stream), std::move(reader)});
  connections_.back().tickets.reserve(plan_.pipeline);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = index;
  ::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
  idle_.push_back(index);
}

bool LoadThread::run() {
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  const int64_t cpu_start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  const int64_t now_ns = steady_ns();
  stats_.start_ns = heard_ns_ = now_ns;
  warm_end_ns_ = now_ns + static_cast<int64_t>(plan_.warm_up_s * 1e9);
  end_ns_ = warm_end_ns_ + static_cast<int64_t>(plan_.seconds_max * 1e9);
  if (plan_.requests_per_s > 0) interval_ns_ = 1e9 * plan_.pipeline / plan_.requests_per_s;
  next_start_ns_ = static_cast<double>(now_ns) + plan_.first_start_s * 1e9;
  while (step()) {
  }
  stats_.end_ns = steady_ns();
  stats_.cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start_ns;
  return failure_.empty();
}

bool LoadThread::step() {
  const int64_t now_ns = steady_ns();
  if (!warm_ && now_ns >= warm_end_ns_) end_warm_up(now_ns);
  const bool goes_on = may_start(now_ns);
  if (!goes_on && idle_.size() == connections_.size()) return false;
  if (goes_on) start_batches(now_ns);
  return wait();
}

// What was seen before is forgotten: caches were cold, the server's buffers small.
void LoadThread::end_warm_up(int64_t now_ns) {
  warm_ = true;
  if (plan_.warm_up_s <= 0) return;
  stats_ = LoadStats(plan_.command_count);
  stats_.start_ns = now_ns;
  stats_.cpu_ns = -clock_ns(CLOCK_THREAD_CPUTIME_ID);
  sent_ = 0;
}

bool LoadThread::may_start(int64_t now_ns) const {
  if (exhausted_ || stop_.load(std::memory_order_relaxed)) return false;
  if (!warm_) return true;
  if (plan_.seconds_max > 0 && now_ns >= end_ns_) return false;
  return plan_.requests_max == 0 || sent_ < plan_.requests_max;
}

void LoadThread::start_batches(int64_t now_ns) {
  while (!idle_.empty()) {
    int64_t start_ns = now_ns;
    if (interval_ns_ > 0) {
      if (next_start_ns_ > static_cast<double>(now_ns)) return;
      start_ns = static_cast<int64_t>(next_start_ns_);
      next_start_ns_ += interval_ns_;
    }
    const uint32_t index = idle_.front();
    Connection& connection = connections_[index];
    connection.start_ns = start_ns;
    if (!fill_batch(connection)) return;
    idle_.pop_front();
    send_batch(index);
  }
}

// False when there is nothing more to send.
bool LoadThread::fill_batch(Connection& connection) {
  uint64_t size = plan_.pipeline;
  if (warm_ && plan_.requests_max > 0) size = std::min(size, plan_.requests_max - sent_);
  batch_.rewind(0);  // clear() would give a large buffer back
  connection.tickets.clear();
  connection.answered = 0;
  connection.measured = warm_;
  Ticket ticket;
  for (; size > 0; --size) {
    if (!source_->next(batch_, ticket)) {
      exhausted_ = true;
      break;
    }
    connection.tickets.push_back(ticket);
  }
  sent_ += connection.tickets.size();
  return !connection.tickets.empty();
}

void LoadThread::send_batch(uint32_t index) {
  Connection& connection = connections_[index];
  Bytes whole;
  batch_.gather(&whole, 1);
  stats_.sent_bytes += whole.size();
  // An error is met again, and reported, by the read.
  const ssize_t sent = std::max<ssize_t>(connection.stream.send(whole), 0);
  if (static_cast<size_t>(sent) == whole.size()) return;
  connection.unsent = whole.substr(static_cast<size_t>(sent));
  watch_sending(index, true);
}

void LoadThread::send_rest(uint32_t index) {
  Connection& connection = connections_[index];
  const ssize_t sent = connection.stream.send(connection.unsent);
  connection.unsent.erase(0, static_cast<size_t>(std::max<ssize_t>(sent, 0)));
  if (connection.unsent.empty()) watch_sending(index, false);
}

void LoadThread::watch_sending(uint32_t index, bool on) {
  epoll_event event{};
  event.events = on ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u32 = index;
  ::epoll_ctl(poll_, EPOLL_CTL_MOD, connections_[index].stream.fd(), &event);
}

// How long nothing is to do unless a reply comes.
int64_t LoadThread::wait_ns(int64_t now_ns) const {
  int64_t until_ns = now_ns + kSleepNsMax;
  if (!warm_) until_ns = std::min(until_ns, warm_end_ns_);
  if (plan_.seconds_max > 0 && end_ns_ > now_ns) until_ns = std::min(until_ns, end_ns_);
  if (interval_ns_ > 0 && !idle_.empty() && may_start(now_ns)) {
    until_ns = std::min(until_ns, static_cast<int64_t>(next_start_ns_) - kAwakeNs);
  }
  return std::max<int64_t>(until_ns - now_ns, 0);
}

bool LoadThread::wait() {
  epoll_event events[64];
  const int64_t now_ns = steady_ns();
  const timespec limit = to_timespec(wait_ns(now_ns));
  const int ready = ::epoll_pwait2(poll_, events, 64, &limit, nullptr);
  if (ready < 0 && errno != EINTR) return fail(std::strerror(errno));
  for (int i = 0; i < ready; ++i) {
    const uint32_t index = events[i].data.u32;
    // Read first: what the server said before it hung up tells more than a failed write.
    if ((events[i].events & ~static_cast<uint32_t>(EPOLLOUT)) != 0 && !receive(index)) return false;
    while (connections_[index].stream.has_received()) {
      if (!receive(index)) return false;
    }
    if ((events[i].events & EPOLLOUT) != 0) send_rest(index);
  }
  const bool silent = ready == 0 && idle_.size() < connections_.size() &&
                      static_cast<double>(now_ns - heard_ns_) > plan_.silence_s_max * 1e9;
  return !silent ||
         fail("no reply for " + std::to_string(static_cast<int>(plan_.silence_s_max)) + " s");
}

bool LoadThread::receive(uint32_t index) {
  Connection& connection = connections_[index];
  const ssize_t received = connection.stream.receive(buffer_.get(), kReadBytes);
  if (received < 0) {
    return connection.stream.would_block() || fail("connection lost: " + connection.stream.error());
  }
  if (received == 0) {
    const std::string& said = stats_.first_error;
    return fail("the server closed a connection" + (said.empty() ? "" : "; it said " + said));
  }
  const Bytes fresh(buffer_.get(), static_cast<size_t>(received));
  stats_.received_bytes += fresh.size();
  heard_ns_ = steady_ns();
  if (connection.partial.empty()) {
    connection.partial = take_answers(index, fresh, heard_ns_);
  } else {
    connection.partial += fresh;
    const size_t left = take_answers(index, connection.partial, heard_ns_).size();
    connection.partial.erase(0, connection.partial.size() - left);
  }
  return failure_.empty();
}

Bytes LoadThread::take_answers(uint32_t index, Bytes bytes, int64_t now_ns) {
  Connection& connection = connections_[index];
  const auto latency_ns = static_cast<uint64_t>(std::max<int64_t>(now_ns - connection.start_ns, 0));
  const size_t due = connection.tickets.size();
  const size_t before = connection.answered;
  Answer answer;
  while (!bytes.empty()) {
    const auto outcome = connection.reader->next(bytes, answer);
    if (outcome == ReplyParser::Outcome::need_more) break;
    if (outcome == ReplyParser::Outcome::error) {
      fail("the server sent " + connection.reader->error());
      return {};
    }
    bytes.remove_prefix(answer.size);
    if (answer.kind == Answer::Kind::push) continue;
    if (connection.answered == due) {
      const bool error = answer.kind == Answer::Kind::error;
      fail(error ? "the server refuses a connection: " + std::string(answer.text)
                 : "the server sent a reply to no request");
      return {};
    }
    const Ticket& ticket = connection.tickets[connection.answered++];
    if (connection.measured) count(ticket, answer, latency_ns);
    source_->answered(ticket, answer);
  }
  replies_.store(replies() + connection.answered - before, std::memory_order_relaxed);
  if (connection.answered == due && before < due) idle_.push_back(index);
  return bytes;
}

void LoadThread::count(const Ticket& ticket, const Answer& answer, uint64_t latency_ns) {
  CommandStats& stats = stats_.commands[ticket.command];
  stats.latency_ns.record(latency_ns);
  if (answer.kind == Answer::Kind::missing) ++stats.misses;
  if (answer.kind == Answer::Kind::value) {
    ++stats.values;
    if (plan_.verify && !source_->expects(ticket, answer.text)) {
      ++stats.wrong;
      if (stats_.first_wrong.empty()) {
        stats_.first_wrong = "a wrong value of " + std::to_string(answer.text.size()) +
                             " bytes at key number " + std::to_string(ticket.key);
      }
    }
  }
  if (answer.kind == Answer::Kind::error) [[unlikely]] {
    ++stats.errors;
    errors_.store(errors() + 1, std::memory_order_relaxed);
    if (stats_.first_error.empty()) stats_.first_error = answer.text;
  }
}

bool LoadThread::fail(std::string text) {
  failure_ = std::move(text);
  return false;
}

}  // namespace larder::bench
