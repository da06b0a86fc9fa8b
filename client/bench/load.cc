#include "client/bench/load.h"

#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "client/bench/report.h"
#include "client/channel.h"
#include "client/handshake.h"

namespace larder::bench {
namespace {

constexpr auto kProgressStep = std::chrono::milliseconds(250);

// Threads that are still at work.
class Countdown {
 public:
  explicit Countdown(size_t count) : left_(count) {}
  void done() {
    const std::lock_guard lock(mutex_);
    --left_;
    changed_.notify_one();
  }
  // True when all are done.
  bool wait_until(std::chrono::steady_clock::time_point limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, limit, [this] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t left_;
};

// Many shells allow 1024 descriptors and the system many more.
void allow_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t share_of(uint64_t whole, unsigned index, unsigned threads) {
  return whole / threads + (index < whole % threads ? 1 : 0);
}

}  // namespace

void ProgressLine::show(const std::string& text) {
  if (!terminal_) return;
  std::fprintf(stderr, "\r%s%s\033[K", title_.c_str(), text.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

LoadPlan measured_plan(const BenchOptions& options, size_t command_count) {
  LoadPlan plan;
  plan.command_count = command_count;
  plan.pipeline = options.pipeline + (options.multi ? TransactionSource::kFrameRequests : 0);
  plan.requests_per_s = options.requests_per_s;
  plan.warm_up_s = options.warm_up_s;
  plan.seconds_max = options.seconds;
  // A trace is as long as what was read of it, and the SETs that follow from it.
  plan.requests_max = options.replay.empty() ? options.requests : 0;
  plan.silence_s_max = options.timeout_s;
  plan.verify = options.verify;
  return plan;
}

LoadPlan fill_plan(const BenchOptions& options) {
  LoadPlan plan;
  plan.pipeline = std::max(options.pipeline, 64u);
  plan.requests_max = options.keys;
  plan.silence_s_max = options.timeout_s;
  return plan;
}

Load::Threads Load::make_threads(const LoadPlan& whole, const SourceFactory& source) {
  // A fill of a few keys needs no more threads than keys.
  const auto count = static_cast<unsigned>(
      whole.requests_max > 0 ? std::min<uint64_t>(options_.threads, whole.requests_max)
                             : options_.threads);
  Threads threads;
  for (unsigned i = 0; i < count; ++i) {
    LoadPlan plan = whole;
    plan.requests_per_s = whole.requests_per_s / count;
    if (plan.requests_per_s > 0) plan.first_start_s = i * whole.pipeline / whole.requests_per_s;
    plan.requests_max = share_of(whole.requests_max, i, count);
    threads.push_back(std::make_unique<LoadThread>(plan, source(i, count), stop_));
  }
  return threads;
}

// Connections one after the other, so that a server's backlog is never full.
std::optional<std::string> Load::connect(const Endpoint& endpoint, Threads& threads) {
  allow_descriptors();
  const auto timeout_ms = static_cast<int64_t>(options_.timeout_s * 1000);
  for (unsigned i = 0; i < options_.connections; ++i) {
    SocketTransport transport;
    const auto done = transport.open(endpoint, steady_ms() + timeout_ms);
    if (!done) return done.error().text;
    if (!options_.memcached) {
      Channel channel(transport, {}, steady_ms);
      const auto version = shake_hands(channel, options_.identity, timeout_ms);
      if (!version) return version.error().text;
      if (options_.identity.resp3 && *version != 3) return "the server speaks no RESP3";
    }
    threads[i % threads.size()]->add_connection(
        transport.take(), options_.memcached ? make_memcached_reader() : make_resp_reader());
  }
  return {};
}

// Returns the server's processor time.
std::optional<double> Load::run_all(Threads& threads, const ServerFacts& facts,
                                    const LoadPlan& whole, std::vector<char>& good) {
  using Clock = std::chrono::steady_clock;
  Countdown countdown(threads.size());
  const auto start = Clock::now();
  const auto warm_end =
      start + std::chrono::microseconds(static_cast<int64_t>(whole.warm_up_s * 1e6));
  std::optional<double> before = cpu_seconds(facts.pid);
  std::vector<std::thread> running;
  for (size_t i = 0; i < threads.size(); ++i) {
    running.emplace_back([&, i] {
      good[i] = threads[i]->run();
      if (good[i] == 0) stop_ = true;
      countdown.done();
    });
  }
  if (whole.warm_up_s > 0 && !countdown.wait_until(warm_end)) before = cpu_seconds(facts.pid);
  auto shown = Clock::now();
  while (!countdown.wait_until(shown + kProgressStep)) {
    const auto now = Clock::now();
    show(threads, whole, std::chrono::duration<double>(now - start).count(),
         std::chrono::duration<double>(now - shown).count());
    shown = now;
  }
  for (std::thread& thread : running) thread.join();
  const auto after = cpu_seconds(facts.pid);
  if (!before || !after) return {};
  return *after - *before;
}

void Load::show(const Threads& threads, const LoadPlan& whole, double elapsed_s, double step_s) {
  uint64_t replies = 0, errors = 0;
  for (const auto& thread : threads) {
    replies += thread->replies();
    errors += thread->errors();
  }
  std::string text = format_fixed(elapsed_s, 1) + " s";
  if (whole.seconds_max > 0) text += " of " + format_fixed(whole.warm_up_s + whole.seconds_max, 1);
  text += ", " + format_count(replies) + " replies";
  if (whole.requests_max > 0) text += " of " + format_count(whole.requests_max);
  const double per_s = static_cast<double>(replies - shown_replies_) / step_s;
  text += ", " + format_count(static_cast<uint64_t>(per_s)) + "/s";
  if (errors > 0) text += ", " + format_count(errors) + " errors";
  shown_replies_ = replies;
  progress_.show(text);
}

Result<LoadResult, std::string> Load::run(const Endpoint& endpoint, const ServerFacts& facts,
                                          const LoadPlan& whole, const SourceFactory& source) {
  Threads threads = make_threads(whole, source);
  if (const auto failure = connect(endpoint, threads)) return *failure;
  std::vector<char> good(threads.size());
  shown_replies_ = 0;
  const auto cpu_s = run_all(threads, facts, whole, good);
  progress_.clear();
  LoadResult result{threads[0]->stats(), cpu_s};
  for (size_t i = 0; i < threads.size(); ++i) {
    if (good[i] == 0) return threads[i]->failure();
    if (i > 0) result.stats.merge(threads[i]->stats());
  }
  return result;
}

}  // namespace larder::bench
