// What the adviser tells, for those who only read it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace larder {

// Times the present memory for which there are estimates.
inline constexpr std::array<double, 7> kMemoryFactors = {0.125, 0.25, 0.5, 1, 2, 4, 8};

// Reads of the whole store since it began, of keys that were there and of others.
struct ReadCounts {
  uint64_t hits = 0;
  uint64_t misses = 0;
};

// What an adviser has to know of the whole store.
struct StoreFacts {
  ReadCounts reads;
  int64_t limit_bytes = 0;
  // In use, however many entries there are: empty tables, clients' buffers.
  int64_t fixed_bytes = 0;
};

// About what a limit has room for: entries, and their bytes without tables. 0: not known.
struct Capacity {
  int64_t entries = 0;
  int64_t bytes = 0;
};

// An estimate: a policy with so many times the present memory.
struct Estimate {
  std::string policy;
  double factor = 1;
  double hit_ratio = 0;
  double byte_hit_ratio = 0;
};

}  // namespace larder
