// A worker: one thread, one event loop, its connections, its share of the cron work. Its loop runs
// with asio's locks off, so other threads reach it only through the inbox and its wake-up.
#pragma once

#include <concurrentqueue/concurrentqueue.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "server/engine/dispatcher.h"
#include "server/net/network.h"

namespace larder {

class Connection;
class TlsContext;
class TlsStream;

class Worker : public ClientsOfWorker {
 public:
  Worker(size_t index, size_t workers, size_t command_count, const NetworkEvents& events);
  ~Worker() override;

  void start(Services& services);
  void join();
  // From any thread: runs `message` on this worker's.
  void post(std::function<void()> message);

  // On the worker's own thread only.
  void each(const std::function<void(ClientView&)>& visit) override;
  ClientView* find(uint64_t id) override;
  // A client has pushes to send.
  void flush_soon(Connection& connection) { pushed_.push_back(&connection); }
  void flush_pushes() override;
  void serve_others() override;
  void retry_postponed() override;
  // To be called when clients' requests, or the clock, may have caused pushes.
  void finish_round();
  // The same, for a client that must be told before its next request is run.
  void finish_round_now();
  // `unread` was read from the socket before.
  void adopt(int fd, Session session, Bytes unread = {}, std::unique_ptr<TlsStream> tls = nullptr);
  // The same for a client of the TLS port.
  void adopt_secure(int fd, Session session, const TlsContext& context);
  void remove(Connection& connection);
  void stop(int64_t until_ms);
  // Disconnects those of this worker's clients that hold most, while all clients together hold more
  // than `maxmemory-clients`. Other workers' largest are left to them.
  void evict_clients();
  // A client whose replies wait for the safe point.
  void hold(std::shared_ptr<Connection> connection);
  // From any thread: the safe point has moved.
  void release_soon();
  void retry_later() { has_postponed_ = true; }
  // Copies bytes; they stay until the next call.
  Bytes put_aside(Bytes bytes) { return aside_.assign(bytes); }
  // Warns of a peer's fault. Many at once, as a port scan makes them, fill no disk: what is too
  // much is only counted.
  void complain(const std::string& text);
  // A client whose next requests are parsed; they run with those of the others that were readable
  // at the same time.
  void run_soon(std::shared_ptr<Connection> connection, size_t requests);

  asio::io_context& loop() { return loop_; }
  Services& services() { return *services_; }
  Dispatcher& dispatcher() { return *dispatcher_; }
  WorkerStats& stats() override { return stats_; }
  // The steady clock as the last tick read it, at most some 100 ms ago.
  int64_t tick_ms() const { return last_tick_ms_; }
  size_t index() const { return context_.index; }
  const NetworkEvents& events() const { return events_; }
  // Connections here or on their way here.
  std::atomic<size_t> load{0};

 private:
  void run();
  void listen_for_messages();
  void drain_inbox();
  void schedule_cron(int64_t delay_ms);
  void cron();
  void tend();
  bool expire_due(int64_t now_ms);
  bool evict(int64_t now_ms);
  void note_over_limit(int64_t passed_ms);
  void run_ready();
  bool is_alone() const;
  void run_round();
  void run_rest_of_round();
  void finish_clients();
  void serve_for_a_while();
  void serve_held_up(int64_t now_ms);
  void lend_work();
  void take_lent_work_back();
  Connection* count_client_bytes();
  void count_spare_buffers();
  // A new limit holds before the next request is run.
  void note_clients_limit();
  void deliver_later(int64_t pause_ns);
  void finish_stop(int64_t until_ms);

  asio::io_context loop_;
  asio::posix::stream_descriptor wake_;
  uint64_t wake_count_ = 0;
  std::atomic<bool> wake_pending_{false};
  moodycamel::ConcurrentQueue<std::function<void()>> inbox_;
  asio::steady_timer cron_timer_;
  asio::steady_timer stop_timer_;
  const NetworkEvents& events_;
  const size_t workers_;
  WorkerStats stats_;
  Random random_;
  WorkerContext context_;
  Services* services_ = nullptr;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Dispatcher> spare_dispatcher_;  // while a script runs by the other one
  std::unordered_map<uint64_t, std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<Connection>> ready_;
  // Run now. A script that runs for long lets the rest of its round go on without it.
  std::vector<std::shared_ptr<Connection>> round_;
  size_t round_next_ = 0;
  size_t ready_requests_ = 0;
  unsigned lone_rounds_ = 0;  // in a row
  std::vector<std::shared_ptr<Connection>> held_;
  std::atomic<bool> has_held_{false};
  asio::steady_timer push_timer_{loop_};
  bool push_timer_set_ = false;
  int64_t deliver_after_ns_ = 0;  // steady clock: earlier pushes wait for each other
  std::vector<Connection*> pushed_;  // emptied before any of them may close
  std::thread thread_;
  int64_t last_tick_ms_ = 0;
  std::string aside_;
  unsigned complaints_ = 0;  // since the last tick
  static constexpr int64_t kUnsettled = -1;  // others have to evict first
  int64_t clients_limit_ = 0;                // as it was last looked at
  int64_t spare_bytes_ = 0;                  // for replies of no client, as last counted
  bool has_postponed_ = false;
  size_t lent_work_ = 0;
  bool serving_others_ = false;  // beside a script
};

}  // namespace larder
