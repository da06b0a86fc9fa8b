// What would the hit ratio be with another policy, or with more or less memory?
//
//   reads and insertions of sampled keys -> ghost caches: policies x sizes from 1/8 to 8 times
//
// A sample is the keys whose place ends in so many zeros; a ghost cache is a model cache with its
// size cut in the same proportion (SHARDS, see adaptive.h). The sample is chosen so thin that a
// ghost of the present size holds a few hundred entries, so time and memory do not grow with the
// real cache. It belongs to one group of shards, whose keys are themselves a fair sample.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "storage/eviction/estimate.h"
#include "storage/eviction/model_cache.h"
#include "storage/eviction/policies.h"
#include "storage/slab.h"

namespace larder {

class Adviser {
 public:
  explicit Adviser(const EvictionOptions& options);

  // A sampled place has none of these bits.
  uint32_t sample_mask() const { return sample_mask_; }
  void read(const Resident& entry, bool hit);
  void put(const Resident& entry);
  // About how many entries the group has at the limit, and its share of the limit.
  void set_capacity(int64_t entries, int64_t limit_bytes);

  // Sampled reads that the estimates rest on.
  double reads() const { return reads_; }
  std::vector<Estimate> estimates() const;
  size_t memory_bytes() const;

 private:
  void fit(int64_t entries, int64_t limit_bytes);

  struct GhostCache {
    std::string policy;
    double factor;
    std::unique_ptr<ModelCache> cache;
    double hits = 0;
    double hit_bytes = 0;
  };

  EvictionOptions options_;
  Slab slab_;  // of all ghosts' queues
  std::vector<GhostCache> ghosts_;
  uint32_t sample_mask_ = ~0U;
  unsigned shift_ = 0;
  int64_t fitted_ = 0;  // entries the ghosts were made for
  double reads_ = 0;
  double read_bytes_ = 0;
  double log_bytes_ = 0;  // of what was put lately, in the mean
  double spread_ = 0;     // doublings that sizes are off that, in the mean
};

}  // namespace larder
