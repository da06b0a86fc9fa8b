// The script that runs, as the rest of the server sees it. One script at a time: who wants to run
// one takes the turn, before any shard.
//
//   0 ms    the script holds the shards of its keys; others wait for them as for any command
//   5 ms    it is long: its worker serves other clients in between, requests for shards it holds
//           wait without blocking a worker (Outcome::postponed)
//   5 s     it is busy (busy-reply-threshold): those requests, and all about no key, get BUSY
//
// Source: https://redis.io/docs/latest/develop/interact/programmability/eval-intro/
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "server/engine/status.h"

namespace larder {

class ScriptRun {
 public:
  // Takes a line and its level as redis.log counts: 0 debug, verbose, notice, 3 warning.
  using Log = std::function<void(int level, const std::string& line)>;

  // Without a log, lines go nowhere.
  explicit ScriptRun(Log log = {}) : log_(std::move(log)) {}

  // A script may keep everybody waiting for so long.
  static constexpr int64_t kLongMs = 5;

  // Takes the turn; waits while the script that has it is a short one. False: a long one has it.
  // Call without any lock.
  [[nodiscard]] bool enter() { return turn_.lock_unless(long_); }
  // Gives the turn back and writes what was logged meanwhile. Call without any lock.
  void leave();

  // Others are served in between.
  bool is_long() const { return long_.load(std::memory_order_relaxed); }
  bool is_busy(int64_t threshold_ms) const;
  // The error reply for requests that a busy script keeps from being run.
  const char* busy_error() const;

  // What a script is told that somebody killed.
  const char* killed_error() const;

  // By who has the turn, when he starts to run and when he has become long.
  struct Facts {
    bool function = false;
    std::string name;                  // of a function
    std::vector<std::string> command;  // the request
    int64_t start_ms = 0;              // steady clock
  };
  // `command` is looked at while the script runs.
  void start(bool function, Bytes name, std::span<const Bytes> command, int64_t now_ms);
  void finish();
  void set_long(bool on) { long_.store(on, std::memory_order_relaxed); }
  // Before it writes for the first time. False: it was killed and may not.
  [[nodiscard]] bool note_write() { return move_on(Fate::wrote); }
  // redis.log: the line waits until the turn is over, as shards are locked now.
  void note_line(int level, std::string line) { lines_.push_back({level, std::move(line)}); }
  // Writes lines before that: of a script that runs for long, whose shards nobody waits for.
  void write_lines();
  // The script has to end, because somebody asked for it or because the server does.
  bool must_end() const {
    return fate_.load(std::memory_order_relaxed) == Fate::killed || stopping();
  }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  // SCRIPT KILL and FUNCTION KILL.
  Status kill(bool function);
  // The server ends: no script is waited for.
  void stop() { stopping_.store(true, std::memory_order_relaxed); }
  // What runs now, for FUNCTION STATS. False: nothing.
  bool facts(Facts& facts);

 private:
  struct Line {
    int level;
    std::string text;
  };
  void write(const std::vector<Line>& lines);
  // Whichever comes first is final: what wrote is not killed half done.
  enum class Fate : uint8_t { open, wrote, killed };
  bool move_on(Fate next) {
    Fate now = Fate::open;
    return fate_.compare_exchange_strong(now, next, std::memory_order_relaxed) || now == next;
  }

  Mutex turn_;
  const Log log_;
  std::vector<Line> lines_;  // of who has the turn
  std::atomic<bool> long_{false};
  std::atomic<bool> running_{false};
  std::atomic<bool> function_{false};
  std::atomic<Fate> fate_{Fate::open};
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> start_ms_{0};
  Mutex facts_mutex_;  // leaf
  Bytes name_ GUARDED_BY(facts_mutex_);
  std::span<const Bytes> command_ GUARDED_BY(facts_mutex_);
};

}  // namespace larder
