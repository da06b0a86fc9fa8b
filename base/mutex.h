// A lock of one byte for short critical sections, with clang's thread-safety annotations.
//
// Uncontended, a lock is one atomic exchange and an unlock a plain store: with some ten million
// commands a second, a barrier more per unlock would be seen. So a holder does not know of waiters
// and wakes nobody: contended, a lock spins for about a microsecond (a critical section of the
// store is shorter) and then sleeps in short naps, because the holder may have lost its processor
// (containers get descheduled).
#pragma once

#include <atomic>

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
    if (held_.exchange(true, std::memory_order_acquire)) [[unlikely]] lock_slow();
  }
  bool try_lock() TRY_ACQUIRE(true) { return !held_.exchange(true, std::memory_order_acquire); }
  // Waits like lock(), but not for one who says that it will hold the lock for long: false then.
  bool lock_unless(const std::atomic<bool>& held_for_long) TRY_ACQUIRE(true) {
    return try_lock() || wait_unless(held_for_long);
  }
  // Waits for a moment at most.
  bool try_lock_briefly() TRY_ACQUIRE(true) { return try_lock() || spin(); }
  void unlock() RELEASE() { held_.store(false, std::memory_order_release); }

 private:
  void lock_slow() NO_THREAD_SAFETY_ANALYSIS;
  bool wait_unless(const std::atomic<bool>& held_for_long) NO_THREAD_SAFETY_ANALYSIS;
  bool spin() NO_THREAD_SAFETY_ANALYSIS;

  std::atomic<bool> held_{false};
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
