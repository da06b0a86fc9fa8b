#include "server/net/worker.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/scoped.h"
#include "base/thread_name.h"
#include "server/engine/activity.h"
#include "server/engine/client_list.h"
#include "server/engine/listeners.h"
#include "server/engine/replication.h"
#include "server/engine/script_run.h"
#include "server/net/connection.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

constexpr int64_t kCronMs = 100;
// Not more often than the expiry index's resolution.
constexpr int64_t kCronMsMin = 16;
// Clients' requests run together up to this many, so that what is prefetched stays in the cache and
// the first client does not wait long for the last.
constexpr size_t kReadyRequests = 64;
// After so many rounds of one client each, requests do not wait for company, which costs a look at
// the event queue. Once in the second number of rounds they do, to see whether there is some now.
constexpr unsigned kLoneRounds = 8;
constexpr unsigned kLookForCompanyEvery = 16;
// A delivery that took longer than the first lets the next wait as long as it took itself, at most
// the second: messages that come meanwhile share a write per client. Sending to a hundred
// clients takes about a millisecond, so under load half of the time is left for requests.
constexpr int64_t kLongDeliveryNs = 200'000;
constexpr int64_t kDeliveryPauseNsMax = 2'000'000;
// How soon requests held back by CLIENT PAUSE are tried again.
constexpr int64_t kPauseRetryMs = 5;

uint64_t thread_cpu_us() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000 +
         static_cast<uint64_t>(time.tv_nsec) / 1000;
}

void sample_rates(Services& services, int64_t now_ms) {
  Rates::Totals totals;
  for (size_t i = 0; i < services.workers.count(); ++i) {
    const WorkerStats& stats = services.workers.stats(i);
    totals.commands += stats.commands_run.get();
    totals.bytes_in += stats.bytes_in.get();
    totals.bytes_out += stats.bytes_out.get();
    totals.stream_bytes_in += stats.stream_bytes_in.get();
    totals.stream_bytes_out += stats.stream_bytes_out.get();
    totals.rounds += stats.rounds.get();
    totals.busy_us += stats.busy_us.get();
  }
  services.rates.sample(totals, now_ms);
}

}  // namespace

Worker::Worker(size_t index, size_t workers, size_t command_count, const NetworkEvents& events)
    : loop_(ASIO_CONCURRENCY_HINT_UNSAFE),
      wake_(loop_, ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      cron_timer_(loop_),
      stop_timer_(loop_),
      events_(events),
      workers_(workers),
      stats_(command_count),
      random_(random_seed()) {
  context_ = {index, this, &stats_, &random_};
}

Worker::~Worker() = default;

void Worker::start(Services& services) {
  services_ = &services;
  dispatcher_ = std::make_unique<Dispatcher>(services, context_);
  spare_dispatcher_ = std::make_unique<Dispatcher>(services, context_);
  thread_ = std::thread([this] { run(); });
}

void Worker::run() {
  name_this_thread("worker-" + std::to_string(index()));
  PushQueues::enter_worker(index());
  last_tick_ms_ = steady_ms();
  listen_for_messages();
  schedule_cron(kCronMs);
  loop_.run();
  ready_.clear();
  held_.clear();
  // Closing calls back into remove(), so the list is taken out of its reach first.
  auto connections = std::move(connections_);
  connections_.clear();
  for (auto& [id, connection] : connections) connection->close();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::post(std::function<void()> message) {
  inbox_.enqueue(std::move(message));
  if (wake_pending_.exchange(true)) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.native_handle(), &one, sizeof one);
}

void Worker::listen_for_messages() {
  wake_.async_read_some(asio::buffer(&wake_count_, sizeof wake_count_),
                        [this](std::error_code error, size_t) {
                          if (error) return;
                          drain_inbox();
                          listen_for_messages();
                        });
}

void Worker::drain_inbox() {
  wake_pending_.exchange(false);  // and sees what was put in before
  note_clients_limit();  // messages may be about clients that it leaves none of
  std::function<void()> message;
  while (inbox_.try_dequeue(message)) message();
  finish_round();
}

void Worker::each(const std::function<void(ClientView&)>& visit) {
  std::vector<std::shared_ptr<Connection>> now;  // visiting may close
  now.reserve(connections_.size());
  for (auto& [id, connection] : connections_) now.push_back(connection);
  for (auto& connection : now) {
    if (!connection->closed()) visit(*connection);
  }
}

ClientView* Worker::find(uint64_t id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second.get();
}

// Sending may close a connection, but never another one than its own.
void Worker::flush_pushes() {
  bool has_grown = false;
  for (Connection* connection : pushed_) {
    connection->send_pushes();
    has_grown |= connection->has_grown();
  }
  pushed_.clear();
  if (has_grown) [[unlikely]] evict_clients();
}

void Worker::finish_round_now() { services_->listeners.pushes.finish_round(*this); }

void Worker::finish_round() {
  note_clients_limit();
  services_->listeners.effects.wake_readers();
  PushQueues& pushes = services_->listeners.pushes;
  if (!pushes.waiting(index())) [[likely]] return pushes.wake_others();
  const int64_t start_ns = steady_ns();
  if (start_ns < deliver_after_ns_) {
    pushes.wake_others();
    return deliver_later(deliver_after_ns_ - start_ns);
  }
  finish_round_now();
  const int64_t end_ns = steady_ns();
  const int64_t took_ns = end_ns - start_ns;
  const int64_t pause_ns = std::min(took_ns, kDeliveryPauseNsMax);
  deliver_after_ns_ = took_ns < kLongDeliveryNs ? 0 : end_ns + pause_ns;
}

void Worker::deliver_later(int64_t pause_ns) {
  if (push_timer_set_) return;
  push_timer_set_ = true;
  push_timer_.expires_after(std::chrono::nanoseconds(pause_ns));
  push_timer_.async_wait([this](std::error_code error) {
    push_timer_set_ = false;
    if (!error) finish_round();
  });
}

void Worker::adopt_secure(int fd, Session session, const TlsContext& context) {
  std::unique_ptr<TlsStream> stream = TlsStream::make(context);
  if (stream != nullptr) return adopt(fd, std::move(session), {}, std::move(stream));
  ::close(fd);
  load.fetch_sub(1);
}

void Worker::adopt(int fd, Session session, Bytes unread, std::unique_ptr<TlsStream> tls) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  Transport::Socket socket(loop_);
  std::error_code error;
  socket.assign(asio::generic::stream_protocol(address.ss_family, 0), fd, error);
  if (!error) socket.non_blocking(true, error);
  if (error) {
    if (!socket.is_open()) ::close(fd);
    if (session.stream != nullptr) session.stream->closed();
    load.fetch_sub(1);
    return;
  }
  const uint64_t id = session.id;
  auto connection = std::make_shared<Connection>(
      *this, Transport(std::move(socket), std::move(tls)), std::move(session));
  connections_.emplace(id, connection);
  services_->listeners.clients.add(id, index());
  stats_.clients.set(connections_.size());
  connection->start(unread);
}

void Worker::hold(std::shared_ptr<Connection> connection) {
  held_.push_back(std::move(connection));
  has_held_.store(true);
}

void Worker::release_soon() {
  if (!has_held_.exchange(false)) return;
  post([this] {
    std::vector<std::shared_ptr<Connection>> held;
    held.swap(held_);  // some are held again
    for (const auto& connection : held) connection->release_replies();
  });
}

void Worker::complain(const std::string& text) {
  constexpr unsigned kComplaintsMax = 10;  // in kCronMs
  if (++complaints_ < kComplaintsMax) return events_.log_warning(text);
  if (complaints_ == kComplaintsMax) events_.log_warning(text + "; more like it are not logged");
}

void Worker::run_soon(std::shared_ptr<Connection> connection, size_t requests) {
  ready_.push_back(std::move(connection));
  ready_requests_ += requests;
  if (ready_requests_ >= kReadyRequests || is_alone()) return run_ready();
  if (ready_.size() == 1) asio::post(loop_, [this] { run_ready(); });
}

// The client that is ready is the only one, and was so lately.
bool Worker::is_alone() const {
  return ready_.size() == 1 && lone_rounds_ >= kLoneRounds &&
         lone_rounds_ % kLookForCompanyEvery != 0;
}

void Worker::run_ready() {
  const uint64_t began_ticks = ticks();
  const uint64_t commands_before = stats_.commands_run.get();
  run_round();
  stats_.longest_round_ticks.raise(ticks() - began_ticks);
  const uint64_t commands = stats_.commands_run.get();  // less than before after CONFIG RESETSTAT
  if (commands > commands_before) stats_.largest_round.raise(commands - commands_before);
}

void Worker::run_round() {
  stats_.rounds.add(1);
  lone_rounds_ = ready_.size() == 1 ? lone_rounds_ + 1 : 0;
  ready_requests_ = 0;
  if (serving_others_) {
    const auto round = std::exchange(ready_, {});
    for (const auto& connection : round) connection->run_round();
    return finish_round();
  }
  round_.swap(ready_);
  EntryList entries;
  for (const auto& connection : round_) connection->look_ahead(entries);
  entries.fetch();
  for (round_next_ = 0; round_next_ < round_.size();) round_[round_next_++]->run_requests();
  finish_clients();
  finish_round();
  round_.clear();
}

// Those behind the client whose script runs; and those before it, whose replies wait.
void Worker::run_rest_of_round() {
  while (round_next_ < round_.size()) round_[round_next_++]->run_requests();
  finish_clients();
}

// All replies go out before anybody's next requests are looked for: by then the first clients have
// sent theirs, and fewer reads are in vain.
void Worker::finish_clients() {
  for (const auto& connection : round_) connection->send_replies();
  for (const auto& connection : round_) connection->read_on();
}

// The event loop runs inside the handler of the client whose script runs: what it touches besides
// clients is its own, a second dispatcher above all.
void Worker::serve_others() {
  if (serving_others_) return;
  serving_others_ = true;
  dispatcher_.swap(spare_dispatcher_);
  {
    // Nothing that says in which circumstances the script runs holds for others.
    const ShardsHeld none(nullptr);
    const Scoped no_batch(EffectLog::gathering, nullptr);
    serve_for_a_while();
  }
  dispatcher_.swap(spare_dispatcher_);
  serving_others_ = false;
}

void Worker::serve_for_a_while() {
  constexpr int64_t kWhileUs = 1000;
  const int64_t end_us = steady_us() + kWhileUs;
  run_rest_of_round();
  retry_postponed();
  drain_inbox();
  while (steady_us() < end_us) {
    lend_work();
    if (loop_.poll_one() == 0) break;
  }
}

// What the outer handler starts counts as work of the loop only when that handler is over, but the
// loop may be through with it before: it would count down to nothing, and end. So each operation
// that runs inside a handler is paid for in advance.
void Worker::lend_work() {
  loop_.get_executor().on_work_started();
  ++lent_work_;
}

void Worker::take_lent_work_back() {
  for (; lent_work_ > 0; --lent_work_) loop_.get_executor().on_work_finished();
}

void Worker::serve_held_up(int64_t now_ms) {
  dispatcher_->serve_held_up(now_ms);
  if (!serving_others_) spare_dispatcher_->serve_held_up(now_ms);  // it served beside a script
}

void Worker::retry_postponed() {
  serve_held_up(unix_ms());
  if (!std::exchange(has_postponed_, false)) return;
  each([](ClientView& client) { static_cast<Connection&>(client).retry(); });
}

void Worker::remove(Connection& connection) {
  const auto found = connections_.find(connection.session().id);
  if (found == connections_.end()) return;
  asio::post(loop_, [gone = found->second] {});  // whoever closed it may be in its midst
  connections_.erase(found);
  services_->listeners.clients.remove(connection.session().id);
  load.fetch_sub(1);
  stats_.clients.set(connections_.size());
}

void Worker::schedule_cron(int64_t delay_ms) {
  cron_timer_.expires_after(std::chrono::milliseconds(delay_ms));
  cron_timer_.async_wait([this](std::error_code error) {
    if (!error) cron();
  });
}

// Returns the client that holds most of those that may be disconnected for it, or null.
Connection* Worker::count_client_bytes() {
  size_t sum = 0;
  size_t replicas = 0;
  size_t most = 0;
  size_t input = 0;
  size_t output = 0;
  Connection* largest = nullptr;
  for (const auto& [id, connection] : connections_) {
    const size_t bytes = connection->memory_bytes();
    const bool feeds = type_of(connection->session()) == ClientType::replica;
    (feeds ? replicas : sum) += bytes;
    input = std::max(input, connection->query_bytes());
    output = std::max(output, connection->output_bytes());
    const Session& session = connection->session();
    if (bytes <= most || session.no_evict || session.monitor ||
        session.stream != nullptr || connection->closed()) continue;
    most = bytes;
    largest = connection.get();
  }
  stats_.client_bytes.set(sum);
  stats_.replica_bytes.set(replicas);
  stats_.largest_client.set(most);
  stats_.largest_input.set(input);
  stats_.largest_output.set(output);
  return largest;
}

void Worker::count_spare_buffers() {
  const auto bytes = static_cast<int64_t>(Output::trim_spares());
  services_->store.memory().add(bytes - std::exchange(spare_bytes_, bytes));
}

void Worker::note_clients_limit() {
  const int64_t limit = services_->settings.clients_bytes_max.load(std::memory_order_relaxed);
  if (std::exchange(clients_limit_, limit) != limit) [[unlikely]] evict_clients();
}

void Worker::evict_clients() {
  Connection* largest = count_client_bytes();
  const int64_t limit = services_->settings.clients_bytes_max.load(std::memory_order_relaxed);
  while (limit > 0 && largest != nullptr) {
    uint64_t sum = 0;
    uint64_t others_largest = 0;
    for (size_t i = 0; i < services_->workers.count(); ++i) {
      const WorkerStats& stats = services_->workers.stats(i);
      sum += stats.client_bytes.get();
      if (i != index()) others_largest = std::max(others_largest, stats.largest_client.get());
    }
    if (sum <= static_cast<uint64_t>(limit)) return;
    if (others_largest > stats_.largest_client.get()) {
      clients_limit_ = kUnsettled;
      return;
    }
    stats_.evicted_clients.add(1);
    events_.log_verbose("Evicting client: id=" + std::to_string(largest->session().id) +
                        " addr=" + largest->session().address);
    largest->close();
    largest = count_client_bytes();
  }
}

bool Worker::expire_due(int64_t now_ms) {
  const uint64_t began = ticks();
  const bool more = services_->store.expire_due(static_cast<unsigned>(index()),
                                                static_cast<unsigned>(workers_), now_ms);
  const uint64_t spent = ticks() - began;
  stats_.expiry_ticks.add(spent);
  (void)note_latency(*services_, "expire-cycle", ticks_to_ns(spent) / 1000);
  if (more) stats_.expiry_stops.add(1);
  return more;
}

bool Worker::evict(int64_t now_ms) {
  const LatencyTimer timer(*services_);
  const bool more = services_->store.evict_in_background(now_ms, random_.next());
  timer.end("eviction-cycle");
  return more;
}

void Worker::note_over_limit(int64_t passed_ms) {
  const bool over = services_->store.memory().over_limit();
  const auto ms = static_cast<uint64_t>(over ? passed_ms : 0);
  stats_.over_limit_ms.add(ms);
  stats_.over_limit_now_ms.set(over ? stats_.over_limit_now_ms.get() + ms : 0);
}

void Worker::cron() {
  if (!serving_others_) take_lent_work_back();
  stats_.rounds.add(1);
  const uint64_t began_ticks = ticks();
  tend();
  stats_.cron_ticks.add(ticks() - began_ticks);
}

void Worker::tend() {
  if (services_->settings.cron_paused.load(std::memory_order_relaxed)) {
    return schedule_cron(kCronMs);
  }
  const int64_t now_ms = unix_ms();
  const bool evicting = evict(now_ms);
  const bool more = evicting | expire_due(now_ms);
  serve_held_up(now_ms);
  // Not from here: a script among them would let no other cron work run.
  if (has_postponed_) {
    asio::post(loop_, [this] {
      retry_postponed();
      finish_round();
    });
  }
  Tracking& tracking = services_->listeners.tracking;
  if (tracking.over_limit()) tracking.evict(random_.next());
  finish_round();
  const int64_t steady = steady_ms();
  if (steady - last_tick_ms_ >= kCronMs) {
    const int64_t passed_ms = steady - std::exchange(last_tick_ms_, steady);
    complaints_ = 0;
    stats_.busy_us.set(thread_cpu_us());
    services_->store.settle_left_over();
    count_spare_buffers();
    services_->store.memory().note_peak();
    services_->store.tend_eviction(static_cast<unsigned>(index()), static_cast<unsigned>(workers_),
                                   now_ms);
    if (index() == 0) {
      note_over_limit(passed_ms);
      sample_rates(*services_, steady);
    }
    each([&](ClientView& client) { static_cast<Connection&>(client).tick(steady); });
    evict_clients();
  }
  if (more) {
    asio::post(loop_, [this] { cron(); });
    return;
  }
  const int64_t next = services_->store.next_expiry_ms(static_cast<unsigned>(index()),
                                                       static_cast<unsigned>(workers_));
  int64_t delay = std::clamp(next - now_ms, kCronMsMin, kCronMs);
  if (has_postponed_) delay = kPauseRetryMs;
  schedule_cron(delay);
}

void Worker::stop(int64_t until_ms) {
  services_->script.stop();
  cron_timer_.cancel();
  run_ready();  // was read before
  each([](ClientView& client) { static_cast<Connection&>(client).stop_reading(); });
  finish_stop(until_ms);
}

// Waits for slow readers to take their replies, but not for ever.
void Worker::finish_stop(int64_t until_ms) {
  size_t waiting = 0;
  for (const auto& [id, connection] : connections_) waiting += connection->delivered() ? 0 : 1;
  if (waiting == 0 || steady_ms() >= until_ms) return loop_.stop();
  stop_timer_.expires_after(std::chrono::milliseconds(5));
  stop_timer_.async_wait([this, until_ms](std::error_code) { finish_stop(until_ms); });
}

}  // namespace larder
