// What the adviser's estimates come down to: which policy, and how much memory. Told by EVICTION
// and INFO.
#pragma once

#include <string>
#include <vector>

#include "server/engine/services.h"
#include "storage/store.h"

namespace larder {

struct Advice {
  EvictionAdvice facts;
  bool by_bytes = false;  // eviction-goal
  std::string policy;     // the present one, without its prefix

  double ratio(const Estimate& estimate) const {
    return by_bytes ? estimate.byte_hit_ratio : estimate.hit_ratio;
  }
  // Null: there is no such estimate.
  const Estimate* find(Bytes name, double factor) const;
  // Of any policy; null: there are no estimates of that size.
  const Estimate* best_at(double factor) const;
  // Those of the policy, at sizes without one the best of all.
  std::vector<Estimate> curve(Bytes name) const;
  std::string best_policy() const;
  // Times the present memory, from where on doubling gains little.
  double best_factor() const;
  int64_t bytes_at(double factor) const {
    return static_cast<int64_t>(static_cast<double>(facts.limit_bytes) * factor);
  }
};

// Nothing is known as long as its facts have no sampled reads.
Advice advice_of(Services& services);

}  // namespace larder
