// The policies that Redis names, all by sampling: a victim is the best of `maxmemory-samples`
// entries. Their clock is 64 ms, not Redis's second, so that recency still means something in a
// cache that turns over within seconds.
//
// stamp: Unix time in units of 64 ms, modulo 2^24 (12 days).
#pragma once

#include <memory>

#include "storage/eviction/policy.h"

namespace larder {

enum class Victims { none, all, with_expiry };
enum class Choice { recency, random, soonest_expiry };

std::unique_ptr<EvictionPolicy> make_sampled_policy(Victims victims, Choice choice,
                                                    const EvictionOptions& options);

}  // namespace larder
