// What a load measured. One per thread while it runs, merged at the end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/histogram.h"

namespace larder::bench {

// 100 s: slower replies count as that slow, except in the maximum.
inline constexpr uint64_t kLatencyNsMax = 100'000'000'000;

struct CommandStats {
  Histogram latency_ns{kLatencyNsMax};
  uint64_t values = 0;
  uint64_t misses = 0;
  uint64_t errors = 0;
  uint64_t wrong = 0;  // values that are not what they have to be

  void merge(const CommandStats& other);
};

struct LoadStats {
  explicit LoadStats(size_t command_count) : commands(command_count) {}

  std::vector<CommandStats> commands;
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  int64_t cpu_ns = 0;       // used by the thread that made the load
  std::string first_error;  // the server's words
  std::string first_wrong;  // a sentence

  void merge(const LoadStats& other);
  double seconds() const { return static_cast<double>(end_ns - start_ns) / 1e9; }
  // All commands together.
  CommandStats total() const;
};

}  // namespace larder::bench
