#include "server/engine/pause.h"

#include <algorithm>

#include "storage/expiry_pause.h"

namespace larder {

void PauseState::begin(By by, int64_t until_ms, bool writes_only, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  Pause& pause = pauses_[static_cast<size_t>(by)];
  const bool active = pause.until_ms > now_ms;
  pause.writes_only = writes_only && (!active || pause.writes_only);
  pause.until_ms = active ? std::max(until_ms, pause.until_ms) : until_ms;
  sum_up_locked();
}

void PauseState::end(By by) {
  std::lock_guard lock(mutex_);
  pauses_[static_cast<size_t>(by)] = {};
  sum_up_locked();
}

void PauseState::sum_up_locked() {
  int64_t writes_until_ms = 0;
  int64_t all_until_ms = 0;
  for (const Pause& pause : pauses_) {
    writes_until_ms = std::max(writes_until_ms, pause.until_ms);
    if (!pause.writes_only) all_until_ms = std::max(all_until_ms, pause.until_ms);
  }
  writes_until_ms_.store(writes_until_ms);
  all_until_ms_.store(all_until_ms);
  expiry_paused_until_ms.store(writes_until_ms);
}

}  // namespace larder
