// A four-byte lock for short critical sections, with clang's thread-safety annotations.
//
// Uncontended lock + unlock are one atomic exchange each. Contended, it spins for about a
// microsecond (a critical section of the store is shorter) and then sleeps in the kernel, because
// the holder may have lost its processor (containers get descheduled).
//
// States: 0 free, 1 held, 2 held and somebody may sleep.
// Source: U. Drepper, "Futexes Are Tricky", 2011, mutex 2.
#pragma once

#include <atomic>
#include <cstdint>

#if defined(__clang__)
#define LARDER_ANNOTATE(x) __attribute__((x))
#else
#define LARDER_ANNOTATE(x)
#endif
#define CAPABILITY(name) LARDER_ANNOTATE(capability(name))
#define SCOPED_CAPABILITY LARDER_ANNOTATE(scoped_lockable)
#define GUARDED_BY(mutex) LARDER_ANNOTATE(guarded_by(mutex))
#define REQUIRES(...) LARDER_ANNOTATE(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) LARDER_ANNOTATE(acquire_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) LARDER_ANNOTATE(try_acquire_capability(__VA_ARGS__))
#define RELEASE(...) LARDER_ANNOTATE(release_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS LARDER_ANNOTATE(no_thread_safety_analysis)

namespace larder {

class CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ACQUIRE() {
    uint32_t free = kFree;
    if (!state_.compare_exchange_strong(free, kHeld, std::memory_order_acquire)) lock_slow();
  }

  bool try_lock() TRY_ACQUIRE(true) {
    uint32_t free = kFree;
    return state_.compare_exchange_strong(free, kHeld, std::memory_order_acquire);
  }

  void unlock() RELEASE() {
    if (state_.exchange(kFree, std::memory_order_release) == kHeldWithSleepers) {
      state_.notify_one();
    }
  }

 private:
  static constexpr uint32_t kFree = 0, kHeld = 1, kHeldWithSleepers = 2;
  void lock_slow();

  std::atomic<uint32_t> state_{kFree};
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace larder
