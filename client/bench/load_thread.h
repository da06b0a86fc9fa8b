// One thread of load: connections that take turns in sending a batch of requests and waiting for
// its replies.
//
//   idle -> `pipeline` requests in one write -> replies counted, each timed -> idle
//
// With a rate, batches start on a schedule and latency counts from the scheduled start: a server
// that stalls is charged for the requests that could not be sent meanwhile.
// Source of that rule: G. Tene, "How NOT to Measure Latency" (coordinated omission)
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "client/bench/answers.h"
#include "client/bench/source.h"
#include "client/bench/stats.h"
#include "client/stream.h"
#include "protocol/output.h"

namespace larder::bench {

// What each thread does; already its share where threads share.
struct LoadPlan {
  size_t command_count = 1;
  unsigned pipeline = 1;
  double requests_per_s = 0;  // 0: as many as possible
  double first_start_s = 0;   // of the schedule, so that threads do not start together
  double warm_up_s = 0;       // measured after it
  double seconds_max = 0;     // 0: no limit
  uint64_t requests_max = 0;  // 0: no limit
  double silence_s_max = 30;  // without a reply, while some are due
  bool verify = false;
};

class LoadThread {
 public:
  // `stop` ends it early.
  LoadThread(const LoadPlan& plan, std::unique_ptr<RequestSource> source,
             const std::atomic<bool>& stop);
  ~LoadThread();
  LoadThread(const LoadThread&) = delete;
  LoadThread& operator=(const LoadThread&) = delete;

  void add_connection(Stream stream, std::unique_ptr<AnswerReader> reader);
  // To the end of the plan. False when it could not be carried out; failure() says why.
  bool run();

  const std::string& failure() const { return failure_; }
  const LoadStats& stats() const { return stats_; }
  // Replies so far, warm-up included, and errors among them. From any thread.
  uint64_t replies() const { return replies_.load(std::memory_order_relaxed); }
  uint64_t errors() const { return errors_.load(std::memory_order_relaxed); }

 private:
  struct Connection {
    Stream stream;
    std::unique_ptr<AnswerReader> reader;
    std::vector<Ticket> tickets;  // of the batch under way
    size_t answered = 0;          // of them
    int64_t start_ns = 0;         // of the batch
    bool measured = false;        // started after the warm-up
    std::string unsent;           // of the batch
    std::string partial;          // reply
  };

  bool step();
  void end_warm_up(int64_t now_ns);
  bool may_start(int64_t now_ns) const;
  void start_batches(int64_t now_ns);
  bool fill_batch(Connection& connection);
  void send_batch(uint32_t index);
  void send_rest(uint32_t index);
  void watch_sending(uint32_t index, bool on);

  int64_t wait_ns(int64_t now_ns) const;
  bool wait();
  bool receive(uint32_t index);
  // Returns what is left: part of a reply. Sets failure_ when there is no going on.
  Bytes take_answers(uint32_t index, Bytes bytes, int64_t now_ns);
  void count(const Ticket& ticket, const Answer& answer, uint64_t latency_ns);
  bool fail(std::string text);

  const LoadPlan plan_;
  std::unique_ptr<RequestSource> source_;
  const std::atomic<bool>& stop_;
  int poll_ = -1;
  std::vector<Connection> connections_;
  std::deque<uint32_t> idle_;
  Output batch_;
  std::unique_ptr<char[]> buffer_;
  bool warm_ = false;
  bool exhausted_ = false;  // the source has no more
  int64_t end_ns_ = 0;
  int64_t warm_end_ns_ = 0;
  double next_start_ns_ = 0;  // of the schedule
  double interval_ns_ = 0;    // between batches; 0: no schedule
  uint64_t sent_ = 0;
  int64_t heard_ns_ = 0;  // when the last reply came
  LoadStats stats_;
  std::string failure_;
  std::atomic<uint64_t> replies_{0};
  std::atomic<uint64_t> errors_{0};
};

}  // namespace larder::bench
