// How many bytes the process uses for data, exact to what the allocators really gave.
//
// Shards add up their own changes and hand them over when they exceed a quantum, so that a write
// does not touch a shared cache line; `used` is therefore off by at most shards x quantum, which
// is kept below 0.5% of the limit.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace larder {

class MemoryAccount {
 public:
  void add(int64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  int64_t peak() const { return peak_.load(std::memory_order_relaxed); }
  // Called now and then, and whenever the peak is asked for.
  void note_peak() {
    const int64_t now = used();
    if (now > peak()) peak_.store(now, std::memory_order_relaxed);
  }
  void reset_peak() { peak_.store(used(), std::memory_order_relaxed); }

  // 0: no limit.
  int64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(int64_t bytes, unsigned shards) {
    limit_.store(bytes, std::memory_order_relaxed);
    constexpr int64_t kQuantumMax = 64 * 1024;
    const int64_t share = bytes / (int64_t{200} * std::max(shards, 1U));
    quantum_.store(bytes == 0 ? kQuantumMax : std::min(share, kQuantumMax),
                   std::memory_order_relaxed);
  }
  int64_t quantum() const { return quantum_.load(std::memory_order_relaxed); }
  bool over_limit() const {
    const int64_t bytes = limit();
    return bytes > 0 && used() > bytes;
  }

 private:
  alignas(64) std::atomic<int64_t> used_{0};
  std::atomic<int64_t> peak_{0};
  alignas(64) std::atomic<int64_t> limit_{0};
  std::atomic<int64_t> quantum_{64 * 1024};
};

}  // namespace larder
