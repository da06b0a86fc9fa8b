// The buckets of the times that commands took, with the bounds of Redis's histograms: 1024 ns times
// 2^b and 1/128 of that, counted in whole microseconds.
//
//   bucket   0  1  2  3   4   5   6    7 ...
//   up to    1  2  4  8  16  33  66  132 ... us
#pragma once

#include "server/engine/stats.h"

namespace larder {

inline uint64_t latency_bucket_us_max(size_t bucket) {
  const uint64_t ns = uint64_t{1024} << bucket;
  return (ns + ns / 128 - 1) / 1000;
}
inline size_t latency_bucket(uint64_t us) {
  constexpr uint64_t kFirstNs = 1024 + 1024 / 128;
  if (us <= 16) [[likely]] return CommandStats::bucket_of(us);  // the same, for less
  return CommandStats::bucket_of((us * 1000 + kFirstNs - 1) / kFirstNs);
}

}  // namespace larder
