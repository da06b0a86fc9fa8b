// s3fifo whose settings follow what would have worked best lately.
//
//   reads of sampled keys -> trial caches, one for each setting, a fraction of the real one's size
//     hits of all groups of shards, fading -> the best, if better by a margin -> settings in force
//
// The keys whose hash ends in so many zeros are a small copy of the whole stream: a cache of an nth
// of the size sees on them the hit ratio that the whole would see (SHARDS). Each trial cache runs
// the real policy. Changing over moves no entry: only where the next victims come from changes.
// Sources: C. Waldspurger et al., "Cache Modeling and Optimization using Miniature Simulations",
// ATC 2017; "Efficient MRC Construction with SHARDS", FAST 2015.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "storage/eviction/model_cache.h"
#include "storage/eviction/policies.h"
#include "storage/eviction/s3fifo.h"
#include "storage/eviction/trial_tally.h"
#include "storage/slab.h"

namespace larder {

struct AdaptiveTuning {
  // Entries of a trial cache: this share of the real one's, within bounds. Fewer waver by points,
  // more cost memory. In a cache of few but large entries some more cost next to nothing: as many
  // as there may be, while all trials take less than a `bytes_share` of the cache's bytes.
  int64_t entries_share = 64;
  int64_t entries_min = 64;
  int64_t entries_max = 256;
  int64_t bytes_share = 100;
  // So many times in a turn, which is as many reads as a trial has entries, the counts of the
  // trials are compared, and what was counted before fades by this factor.
  int64_t looks = 8;
  double fade = 0.998;
  // To change over, the best must save this share of the misses, and more than chance would: so
  // many standard deviations of the reads on which the two differ.
  double margin = 0.003;
  double doubt = 0.7;
};

class Adaptive : public S3Fifo {
 public:
  // `settings`: those to begin with first. At most 32. Those that weigh sizes are tried only where
  // sizes differ.
  Adaptive(std::vector<S3Settings> settings, const AdaptiveTuning& tuning,
           const EvictionOptions& options);

  void inserted(Resident& entry) override;
  void set_capacity(int64_t entries) override;
  void sampled_read(const Resident& entry, bool hit) override;
  size_t memory_bytes() const override;
  std::vector<PolicyChange> history() const override { return {history_.begin(), history_.end()}; }
  std::string setting() const override;
  std::string learned(size_t piece) const override;
  void learn(Bytes piece) override;
  uint64_t changes() const override { return changes_; }

  static std::vector<S3Settings> usual_settings();
  // For so many policies of `usual_settings` that choose together.
  static std::shared_ptr<TrialTally> make_tally(unsigned groups);

 private:
  struct Trial {
    S3Settings settings;
    std::unique_ptr<ModelCache> cache;
  };

  // A trial's memory for an entry, about.
  static constexpr int64_t kTrialEntryBytes = 24;
  // Sizes count as soon as they differ by this many doublings in the mean.
  static constexpr double kSpreadMin = 0.1;

  int64_t trial_entries(int64_t entries) const;
  void fit_trials();
  bool wants_sizes() const { return by_bytes_ || size_spread() > kSpreadMin; }
  ModelCache::Limit trial_limit() const;
  ModelCache::Object model_of(const Resident& entry) const;
  void count_differences(uint32_t hits);
  void compare(int64_t now_ms);
  void put_into_force(size_t trial);
  void note_change(int64_t now_ms, const TrialTally::Verdict& verdict);

  AdaptiveTuning tuning_;
  Slab trial_slab_;  // of the trials' queues
  std::vector<Trial> trials_;
  TrialCounts lately_;  // since the last look
  const std::shared_ptr<TrialTally> tally_;
  size_t chosen_ = 0;       // the trial whose setting is in force here
  unsigned shift_ = 0;      // a sampled place ends in so many zeros
  const bool by_bytes_;     // the goal: bytes, not reads
  bool sized_ = false;      // trials are bounded by bytes
  int64_t capacity_ = 0;    // entries of the real cache; 0: not known yet, nothing is tried
  int64_t fitted_ = 0;      // the same when the trials were made
  int64_t reads_ = 0;       // since the last look
  uint64_t changes_ = 0;
  std::deque<PolicyChange> history_;
};

}  // namespace larder
