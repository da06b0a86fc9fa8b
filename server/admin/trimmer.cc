#include "server/admin/trimmer.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>

#include "server/admin/memory_text.h"

namespace larder {
namespace {

constexpr auto kPauseMin = std::chrono::milliseconds(500);
constexpr auto kPauseMax = std::chrono::seconds(60);
// Code and buffers that come into use after the start.
constexpr int64_t kOwnGrowth = 4 * 1024 * 1024;
// Beyond what is counted, in per cent: half of what an operator may expect.
constexpr int64_t kWastePercent = 5;
constexpr int64_t kGainMin = 1024 * 1024;

}  // namespace

TrimmerThread::TrimmerThread(const MemoryAccount& account)
    : account_(account),
      own_bytes_(resident_bytes() - account.used()),
      pause_(kPauseMin),
      thread_("trimmer", kPauseMin, [this] {
        return pause_ = trim() ? kPauseMin : std::min<PeriodicThread::Pause>(pause_ * 2, kPauseMax);
      }) {}

bool TrimmerThread::trim() {
  const int64_t used = account_.used();
  const int64_t before = resident_bytes();
  if (before <= used + used / 100 * kWastePercent + own_bytes_ + kOwnGrowth) return true;
  ::malloc_trim(0);
  return before - resident_bytes() >= kGainMin;
}

}  // namespace larder
