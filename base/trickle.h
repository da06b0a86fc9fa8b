// Lets so many through in each span of time and holds the rest back: for lines of the log that
// could come thousands of times a second. Any thread.
#pragma once

#include <cstdint>
#include <mutex>

namespace larder {

class Trickle {
 public:
  // The first span begins with the first that comes.
  Trickle(unsigned most, int64_t span_ms) : most_(most), span_ms_(span_ms) {}

  bool pass(int64_t now_ms) {
    std::lock_guard lock(mutex_);
    if (passed_ == 0 || now_ms - begin_ms_ >= span_ms_) {
      begin_ms_ = now_ms;
      passed_ = 0;
    }
    if (passed_ == most_) return false;
    ++passed_;
    return true;
  }

 private:
  const unsigned most_;
  const int64_t span_ms_;
  std::mutex mutex_;
  int64_t begin_ms_ = 0;
  unsigned passed_ = 0;
};

}  // namespace larder
