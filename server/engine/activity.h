// What operators ask about afterwards: slow commands, latency spikes, errors by kind. All three
// are written rarely, so a plain mutex guards them; the fast path only compares a threshold.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "server/engine/session.h"

namespace larder {

struct Services;

// Source: https://redis.io/commands/slowlog-get/
struct SlowEntry {
  uint64_t id = 0;
  int64_t unix_seconds = 0;
  int64_t us = 0;
  std::vector<std::string> args;  // at most 32, each cut at 128 bytes
  std::string client_address;
  std::string client_name;
};

class SlowLog {
 public:
  static constexpr size_t kArgsMax = 32;
  static constexpr size_t kArgBytesMax = 128;

  void add(const Session& session, std::span<const Bytes> args, int64_t us, size_t entries_max);
  // Newest first; all with a negative count.
  std::vector<SlowEntry> newest(int64_t count) const;
  size_t size() const;
  void reset();
  void trim(size_t entries_max);

 private:
  mutable std::mutex mutex_;
  std::deque<SlowEntry> entries_;  // newest at the front
  uint64_t next_id_ = 0;
};

// Source: https://redis.io/docs/management/optimization/latency-monitor/
class LatencyMonitor {
 public:
  static constexpr size_t kSamplesMax = 160;
  struct Sample {
    int64_t unix_seconds = 0;
    int64_t ms = 0;
  };
  struct Series {
    std::deque<Sample> samples;  // oldest first, one a second: the worst of it
    int64_t max_ms = 0;
  };

  void add(const std::string& event, int64_t ms);
  std::map<std::string, Series> series() const;
  // Returns how many series were dropped; all without names.
  size_t reset(const std::vector<std::string>& events);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Series> series_;
};

// Tells the monitor of an event, if it took as long as latency-monitor-threshold; returns whether
// it did.
[[nodiscard]] bool note_latency(Services& services, const char* event, int64_t us);

// Times an event for the monitor, and looks at no clock while that is off.
class LatencyTimer {
 public:
  explicit LatencyTimer(Services& services);
  // The event is over.
  void end(const char* event) const;

 private:
  Services& services_;
  const int64_t began_us_;  // 0: the monitor was off
};

// Sums over all workers, sampled by one of them every 100 ms, and what they grew by per second.
class Rates {
 public:
  struct Totals {
    uint64_t commands = 0;
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
    uint64_t stream_bytes_in = 0;
    uint64_t stream_bytes_out = 0;
    uint64_t rounds = 0;
    uint64_t busy_us = 0;
  };
  void sample(const Totals& totals, int64_t now_ms);
  // Per second, over the last 1.6 s.
  Totals per_second() const;

 private:
  static constexpr size_t kSamples = 16;
  struct Sample {
    Totals totals;
    int64_t at_ms = 0;
  };
  mutable std::mutex mutex_;
  std::array<Sample, kSamples> samples_{};
  size_t count_ = 0;  // samples ever taken
};

// Error replies counted by their first word.
class ErrorStats {
 public:
  // With one more all are forgotten and nothing is counted any more until reset(), as a script
  // could invent words. What is left then says so.
  static constexpr size_t kKindsMax = 128;

  // Called once whenever that happens, with lines for the log.
  std::function<void(const std::string& line)> warn;  // may be empty; set before the first add()

  void add(Bytes error_text);
  std::map<std::string, uint64_t> counts() const;
  void reset();

 private:
  void disable_locked();

  mutable std::mutex mutex_;
  bool disabled_ = false;  // guarded by mutex_
  std::map<std::string, uint64_t, std::less<>> counts_;
};

}  // namespace larder
