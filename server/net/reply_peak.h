// The most bytes of replies that a client had waiting at once, lately: CLIENT LIST's rbp, and what
// Redis sizes its reply buffer by (rbs).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace larder {

class ReplyPeak {
 public:
  static constexpr size_t kBufferMin = 1024;
  static constexpr size_t kBufferMax = 16 * 1024;

  void note(size_t bytes) { peak_ = std::max(peak_, bytes); }
  // Called now and then: a peak is forgotten after one to two periods.
  void age(int64_t now_ms, int64_t period_ms) {
    if (now_ms - since_ms_ < period_ms) return;
    earlier_ = std::exchange(peak_, 0);
    since_ms_ = now_ms;
  }

  size_t bytes() const { return std::max(peak_, earlier_); }
  size_t buffer_bytes() const { return std::clamp(std::bit_ceil(bytes()), kBufferMin, kBufferMax); }

 private:
  size_t peak_ = kBufferMax;  // a new client has all of it until its use is known
  size_t earlier_ = 0;        // of the period before
  int64_t since_ms_ = 0;
};

}  // namespace larder
