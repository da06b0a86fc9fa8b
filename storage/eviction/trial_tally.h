// What the trials of all groups of shards have counted, and the setting that follows from it.
//
//   group 0: new counts --+
//   group 1: new counts --+--> sums, fading --> the best, if better by a margin --> all groups
//
// A group sees only its part of the reads: if each decided by itself, a cache of two groups would
// find its setting twice as late.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "base/mutex.h"

namespace larder {

// What a number of trials saw of the same reads.
struct TrialCounts {
  explicit TrialCounts(size_t trials) : hits(trials), differences(trials * trials) {}

  double& difference(size_t a, size_t b) { return differences[a * hits.size() + b]; }
  void add(const TrialCounts& more);
  void fade(double factor);

  double weight = 0;  // reads, or bytes read
  std::vector<double> hits;
  std::vector<double> differences;  // reads that one trial of a pair hit and the other missed
};

class TrialTally {
 public:
  struct Rules {
    double fade;    // of what was counted, each time that all groups have added
    double margin;  // share of the misses that must be saved
    double doubt;   // standard deviations of chance that must be exceeded; 0: none
  };
  struct Verdict {
    bool changed = false;
    size_t chosen = 0;
    double hit_ratio = 0;
    double hit_ratio_before = 0;  // of the setting that was in force
  };

  // So many groups add their counts.
  TrialTally(size_t trials, unsigned groups) : groups_(groups), sums_(trials) {}

  // A group's counts since it last did.
  Verdict add(const TrialCounts& lately, const Rules& rules);
  size_t chosen() const { return chosen_.load(std::memory_order_relaxed); }
  void choose(size_t trial) { chosen_.store(trial, std::memory_order_relaxed); }
  // The trials begin anew.
  void forget();

 private:
  const double groups_;
  Mutex mutex_;  // a leaf: taken under a group's
  TrialCounts sums_ GUARDED_BY(mutex_);
  std::atomic<size_t> chosen_{0};
};

}  // namespace larder
