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

void Mutex::lock_slow() {
  for (int i = 0; i < kSpins; ++i) {
    if (!held_.load(std::memory_order_relaxed) && try_lock()) return;
    relax_cpu();
  }
  while (!try_lock()) ::nanosleep(&kNap, nullptr);
}

}  // namespace larder
