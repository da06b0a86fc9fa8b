// Replays a trace on caches of several policies and sizes, cache-aside: what is missed is put.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "storage/eviction/model_cache.h"
#include "storage/eviction/policies.h"
#include "trace/trace.h"

namespace larder::sim {

// One cell of the result: a policy at a size.
struct Run {
  std::string policy;
  std::string size_text;  // as asked for
  ModelCache::Limit limit;
  int64_t misses = 0;
  int64_t missed_bytes = 0;
  int64_t requests = 0;
  int64_t requested_bytes = 0;
  size_t policy_bytes = 0;  // queues, ghosts, sketches

  double miss_ratio() const { return ratio(misses, requests); }
  double byte_miss_ratio() const { return ratio(missed_bytes, requested_bytes); }

 private:
  static double ratio(int64_t part, int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

struct ReplayOptions {
  EvictionOptions eviction;
  int64_t requests_per_s = 1000;  // how fast the trace's time goes, for TTLs
  unsigned threads = 1;
};

// Runs all, several at a time. `done` counts requests replayed, for a progress bar.
void replay_all(const Trace& trace, const ReplayOptions& options, std::vector<Run>& runs,
                std::atomic<uint64_t>& done);

// A size as the command line has it: 1000 objects, 10%, 64mb. A share is of the objects or, with
// `by_bytes`, of their bytes. Returns what is wrong, or nothing.
std::string parse_size(const std::string& text, const Trace& trace, bool by_bytes,
                       ModelCache::Limit& limit);

}  // namespace larder::sim
