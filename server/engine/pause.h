// Pauses of clients, shared by all workers: CLIENT PAUSE, and what a failover and the end of the
// server need. Each has its own, so that ending one leaves the others in force; what is asked on
// every request is their sum. While there is one, nothing expires either.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace larder {

class PauseState {
 public:
  enum class By : uint8_t { command, failover, end };
  static constexpr int64_t kUntilEnded = INT64_MAX;

  // Until that Unix time. What is in force for the same reason is neither shortened nor weakened.
  void begin(By by, int64_t until_ms, bool writes_only, int64_t now_ms);
  void end(By by);
  bool is_paused_by(By by, int64_t now_ms) const {
    std::lock_guard lock(mutex_);
    return pauses_[static_cast<size_t>(by)].until_ms > now_ms;
  }

  bool stops_writes(int64_t now_ms) const {
    return writes_until_ms_.load(std::memory_order_relaxed) > now_ms;
  }
  bool stops_all(int64_t now_ms) const {
    return all_until_ms_.load(std::memory_order_relaxed) > now_ms;
  }

 private:
  struct Pause {
    int64_t until_ms = 0;
    bool writes_only = false;
  };
  void sum_up_locked();

  mutable std::mutex mutex_;
  std::array<Pause, 3> pauses_;  // guarded by mutex_
  std::atomic<int64_t> writes_until_ms_{0};
  std::atomic<int64_t> all_until_ms_{0};
};

}  // namespace larder
