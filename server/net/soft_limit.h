// A limit that may be passed for some seconds: the soft half of client-output-buffer-limit.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace larder {

class SoftLimit {
 public:
  // `bytes` are more than `most` (0: no limit), and have been for more than `seconds`. Counts by
  // the seconds of the clock, as Redis does. `now_ms`: the steady clock, or a little behind it.
  bool is_broken(int64_t bytes, int64_t most, int64_t seconds, int64_t now_ms) {
    if (most == 0 || bytes <= most) {
      over_since_ms_ = kNever;
      return false;
    }
    if (over_since_ms_ == kNever) over_since_ms_ = steady_ms();
    return now_ms / 1000 - over_since_ms_ / 1000 > seconds;
  }

 private:
  static constexpr int64_t kNever = -1;
  int64_t over_since_ms_ = kNever;
};

}  // namespace larder
