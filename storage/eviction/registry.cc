#include <algorithm>
#include <array>

#include "storage/eviction/policy.h"
#include "storage/eviction/sampled.h"

namespace larder {
namespace {

template <Victims victims, Choice choice>
std::unique_ptr<EvictionPolicy> sampled(const EvictionOptions& options) {
  return make_sampled_policy(victims, choice, options);
}

constexpr std::array kPolicies{
    EvictionPolicyInfo{"noeviction", sampled<Victims::none, Choice::recency>, false},
    EvictionPolicyInfo{"allkeys-lru", sampled<Victims::all, Choice::recency>, true},
    EvictionPolicyInfo{"allkeys-random", sampled<Victims::all, Choice::random>, true},
    EvictionPolicyInfo{"volatile-lru", sampled<Victims::with_expiry, Choice::recency>, true},
    EvictionPolicyInfo{"volatile-random", sampled<Victims::with_expiry, Choice::random>, true},
    EvictionPolicyInfo{"volatile-ttl", sampled<Victims::with_expiry, Choice::soonest_expiry>, true},
};

}  // namespace

std::span<const EvictionPolicyInfo> eviction_policies() { return kPolicies; }

const EvictionPolicyInfo* find_eviction_policy(Bytes name) {
  const auto found = std::find_if(kPolicies.begin(), kPolicies.end(),
                                  [&](const auto& policy) { return policy.name == name; });
  return found == kPolicies.end() ? nullptr : &*found;
}

}  // namespace larder
