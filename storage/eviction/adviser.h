// What would the hit ratio be with another policy, or with more or less memory?
//
//   reads and insertions of sampled keys -> ghost caches: policies x sizes from 1/8 to 8 times
//
// A sample is the keys whose place ends in so many zeros; a ghost cache is a model cache with its
// size cut in the same proportion (SHARDS, see adaptive.h). The sample is chosen so thin that a
// ghost of the present size holds a few hundred entries, so time and memory do not grow with the
// real cache; ghosts of more memory look at a thinner one, of less at a denser one, so that their
// entries are neither many nor too few to tell. It belongs to one group of shards, whose keys are
// themselves a fair sample.
//
// Fair, but small: whether one much-read key is in it moves all estimates by points. The live cache
// shows by how much, as its own misses are known for the sample and for all keys. A key that always
// hits, left out, raises every cache's share of misses by the same factor; estimates are divided by
// it.
#pragma once

#include <array>
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
  // `live_policy`: as in maxmemory-policy.
  Adviser(const EvictionOptions& options, Bytes live_policy);

  // A sampled place has none of these bits.
  uint32_t sample_mask() const { return samples_.front().mask; }
  void read(const Resident& entry, bool hit);
  void put(const Resident& entry);
  // Both at every tick.
  void note(const StoreFacts& facts);
  void set_capacity(const Capacity& capacity);  // of the group

  // Sampled reads that the estimates of the present size rest on.
  double reads() const { return samples_[sample_of(1)].live.reads(); }
  std::vector<Estimate> estimates() const;
  size_t memory_bytes() const;

 private:
  // How the live cache answered reads.
  struct Counts {
    double hits = 0;
    double misses = 0;
    void halve() {
      hits /= 2;
      misses /= 2;
    }
    double reads() const { return hits + misses; }
    double miss_ratio() const { return misses == 0 ? 0 : misses / reads(); }
  };
  // Keys whose places have none of some bits.
  struct Sample {
    uint32_t mask = ~0U;
    Counts live;
    double read_bytes = 0;
    bool has(const Resident& entry) const { return (entry.place & mask) == 0; }
  };

  static constexpr size_t kSamples = 5;

  void fit(int64_t entries);
  ModelCache::Object object_of(const Resident& entry) const;
  void halve();
  double mean_bytes() const;
  double room(double factor) const;
  double sample_error(const Sample& sample) const;
  static size_t sample_of(double factor);

  struct GhostCache {
    std::string policy;
    double factor;
    size_t sample;
    std::unique_ptr<ModelCache> cache;
    double hits = 0;
    double hit_bytes = 0;
  };

  EvictionOptions options_;
  Slab slab_;  // of all ghosts' queues
  const std::string live_policy_;  // without prefix
  std::vector<GhostCache> ghosts_;
  const ModelCache* like_live_ = nullptr;  // the ghost that is, if one is
  // Sizes differ, so bytes are what a limit has room for, and the policies hold other numbers.
  bool by_bytes_ = false;
  std::array<Sample, kSamples> samples_;  // the densest first
  int64_t fitted_ = 0;  // entries the ghosts were made for
  int64_t fitted_limit_bytes_ = 0;
  // In the mean: where sizes differ much, one large value takes the place of many; and clients'
  // buffers come and go.
  double entries_ = 0;
  double bytes_ = 0;
  double fixed_bytes_ = 0;
  StoreFacts facts_;
  Counts all_;
  double log_bytes_ = 0;  // of what was put lately, in the mean
  double spread_ = 0;     // doublings that sizes are off that, in the mean
};

}  // namespace larder
