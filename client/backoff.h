// How long to wait before the next attempt: twice as long each time, up to a limit, and a random
// part of it, so that a thousand clients of a server that restarts do not come back at once.
#pragma once

#include <cstdint>

#include "base/random.h"

namespace larder {

struct BackoffOptions {
  int64_t first_ms = 50;
  int64_t longest_ms = 5000;  // an hour at most
  // Share of each wait that is drawn: 0 waits exactly, 1 anything from nothing to the whole.
  double jitter = 0.5;
};

class Backoff {
 public:
  Backoff(const BackoffOptions& options, uint64_t seed) : options_(options), random_(seed) {}

  // The wait before the next attempt; the one after will be longer.
  int64_t next_ms();
  // An attempt succeeded: begin from the first again.
  void reset() { full_ms_ = 0; }

 private:
  BackoffOptions options_;
  Random random_;
  int64_t full_ms_ = 0;  // the last wait before its random part was taken off
};

}  // namespace larder
