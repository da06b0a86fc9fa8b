#include "storage/eviction/trial_tally.h"

#include <algorithm>
#include <cmath>

namespace larder {

void TrialCounts::add(const TrialCounts& more) {
  weight += more.weight;
  for (size_t i = 0; i < hits.size(); ++i) hits[i] += more.hits[i];
  for (size_t i = 0; i < differences.size(); ++i) differences[i] += more.differences[i];
}

void TrialCounts::fade(double factor) {
  weight *= factor;
  for (double& each : hits) each *= factor;
  for (double& each : differences) each *= factor;
}

TrialTally::Verdict TrialTally::add(const TrialCounts& lately, const Rules& rules) {
  MutexLock lock(mutex_);
  sums_.add(lately);
  const auto best = static_cast<size_t>(std::max_element(sums_.hits.begin(), sums_.hits.end()) -
                                        sums_.hits.begin());
  const size_t now = chosen();
  const double saved = sums_.hits[best] - sums_.hits[now];
  const double misses = sums_.weight - sums_.hits[now];
  const double chance = rules.doubt * std::sqrt(sums_.difference(best, now));
  Verdict verdict{.chosen = now};
  if (saved > rules.margin * misses && saved > chance) {
    verdict = {.changed = true,
               .chosen = best,
               .hit_ratio = sums_.hits[best] / sums_.weight,
               .hit_ratio_before = sums_.hits[now] / sums_.weight};
    choose(best);
  }
  sums_.fade(std::pow(rules.fade, 1 / groups_));
  return verdict;
}

void TrialTally::forget() {
  MutexLock lock(mutex_);
  sums_.fade(0);
}

}  // namespace larder
