// Clocks. Wall-clock milliseconds decide expiry, microseconds go into replies and logs, ticks
// (the processor's time-stamp counter) time single commands because reading it costs ~10 ns.
#pragma once

#include <cstdint>
#include <ctime>

namespace larder {

inline int64_t clock_ns(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// Wall clock since 1970.
inline int64_t unix_ms() { return clock_ns(CLOCK_REALTIME) / 1'000'000; }
inline int64_t unix_us() { return clock_ns(CLOCK_REALTIME) / 1'000; }
// Never goes back; for durations.
inline int64_t steady_ms() { return clock_ns(CLOCK_MONOTONIC) / 1'000'000; }
inline int64_t steady_us() { return clock_ns(CLOCK_MONOTONIC) / 1'000; }
inline int64_t steady_ns() { return clock_ns(CLOCK_MONOTONIC); }

// The cheapest clock there is. Only differences mean something; see ticks_to_ns.
inline uint64_t ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t value;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  return static_cast<uint64_t>(steady_ns());
#endif
}

// Times one piece of work after the other with one look at the clock for each: a piece begins where
// the one before ended.
class LapTimer {
 public:
  void start() { last_ = ticks(); }
  // When the present piece began.
  uint64_t began() const { return last_; }
  // Ends it.
  uint64_t end() { return last_ = ticks(); }

 private:
  uint64_t last_ = 0;
};

// Nanoseconds per tick, measured once as the program starts (2 ms).
extern const double kNsPerTick;

inline int64_t ticks_to_ns(uint64_t count) {
  return static_cast<int64_t>(static_cast<double>(count) * kNsPerTick);
}

}  // namespace larder
