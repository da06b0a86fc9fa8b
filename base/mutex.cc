#include "base/mutex.h"

#include <ctime>

namespace larder {
namespace {

void relax_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

constexpr int kSpins = 40;  // about a microsecond on current processors
constexpr timespec kNap{.tv_sec = 0, .tv_nsec = 10'000};  // the kernel makes some 60 us of it

}  // namespace

bool Mutex::spin() {
  for (int i = 0; i < kSpins; ++i) {
    if (!held_.load(std::memory_order_relaxed) && try_lock()) return true;
    relax_cpu();
  }
  return false;
}

void Mutex::lock_slow() {
  if (spin()) return;
  while (!try_lock()) ::nanosleep(&kNap, nullptr);
}

bool Mutex::wait_unless(const std::atomic<bool>& held_for_long) {
  if (spin()) return true;
  while (!try_lock()) {
    if (held_for_long.load(std::memory_order_relaxed)) return false;
    ::nanosleep(&kNap, nullptr);
  }
  return true;
}

}  // namespace larder
