// s3fifo whose settings follow what would have worked best lately.
//
//   reads of sampled keys -> trial caches, one for each setting, a fraction of the real one's size
//                            hits, fading -> the best, if better by a margin -> settings in force
//
// The keys whose hash ends in so many zeros are a small copy of the whole stream: a cache of an nth
// of the size sees on them the hit ratio that the whole would see (SHARDS). Each trial cache runs
// the real policy. Changing over moves no entry: only where the next victims come from changes.
// Sources: C. Waldspurger et al., "Cache Modeling and Optimization using Miniature Simulations",
// ATC 2017; "Efficient MRC Construction with SHARDS", FAST 2015.
#pragma once

#include <deque>
#include <vector>

#include "storage/eviction/model_cache.h"
#include "storage/eviction/s3fifo.h"

namespace larder {

struct AdaptiveTuning {
  int64_t trial_entries_min = 128;
  double fade = 0.97;
  double fade_turns = 1;  // reads between two fadings, in trial capacities
  double margin = 0.01;
};

class Adaptive : public S3Fifo {
 public:
  Adaptive(std::vector<S3Settings> settings, const AdaptiveTuning& tuning);

  void inserted(Resident& entry) override;
  void set_capacity(int64_t entries) override;
  void sampled_read(const Resident& entry, bool hit) override;
  size_t memory_bytes() const override;
  std::vector<PolicyChange> history() const override { return {history_.begin(), history_.end()}; }

  static std::vector<S3Settings> usual_settings();

 private:
  struct Trial {
    S3Settings settings;
    std::unique_ptr<ModelCache> cache;
    double hits = 0;  // fading
  };

  void fit_trials(int64_t entries);
  void choose(int64_t now_ms);
  void note_change(int64_t now_ms, const Trial& from, const Trial& to);

  AdaptiveTuning tuning_;
  std::vector<Trial> trials_;
  size_t chosen_ = 0;
  unsigned shift_ = 0;      // a sampled place ends in so many zeros
  int64_t capacity_ = 0;    // entries of the real cache; 0: not known yet, nothing is tried
  int64_t fitted_ = 0;      // the same when the trials were made
  int64_t reads_ = 0;       // since the last fading
  double read_weight_ = 0;  // reads, fading as the trials' hits do
  std::deque<PolicyChange> history_;
};

}  // namespace larder
