#include "storage/eviction/registry.h"

#include <algorithm>
#include <array>

namespace larder {
namespace {

constexpr auto kAll = Victims::all;
constexpr auto kVolatile = Victims::with_expiry;

constexpr std::array kPolicies = std::to_array<EvictionPolicyInfo>({
    {"noeviction", make_none, Victims::none},
    {"allkeys-adaptive", make_adaptive, kAll},
    {"volatile-adaptive", make_adaptive, kVolatile},
    {"allkeys-arc", make_arc, kAll},
    {"volatile-arc", make_arc, kVolatile},
    {"allkeys-clock", make_clock, kAll},
    {"volatile-clock", make_clock, kVolatile},
    {"allkeys-fifo", make_fifo, kAll},
    {"volatile-fifo", make_fifo, kVolatile},
    {"allkeys-gdsf", make_gdsf, kAll},
    {"volatile-gdsf", make_gdsf, kVolatile},
    {"allkeys-lfu", make_lfu, kAll},
    {"volatile-lfu", make_lfu, kVolatile},
    {"allkeys-lru", make_lru, kAll},
    {"volatile-lru", make_lru, kVolatile},
    {"allkeys-random", make_random, kAll},
    {"volatile-random", make_random, kVolatile},
    {"allkeys-s3fifo", make_s3fifo, kAll},
    {"volatile-s3fifo", make_s3fifo, kVolatile},
    {"allkeys-sieve", make_sieve, kAll},
    {"volatile-sieve", make_sieve, kVolatile},
    {"allkeys-slru", make_slru, kAll},
    {"volatile-slru", make_slru, kVolatile},
    {"allkeys-tlru", make_tlru, kAll},
    {"volatile-tlru", make_tlru, kVolatile},
    {"volatile-ttl", make_ttl, kVolatile},
    {"allkeys-wtinylfu", make_wtinylfu, kAll},
    {"volatile-wtinylfu", make_wtinylfu, kVolatile},
});

const EvictionPolicyInfo* find_exact(Bytes name) {
  const auto found = std::find_if(kPolicies.begin(), kPolicies.end(),
                                  [&](const auto& policy) { return policy.name == name; });
  return found == kPolicies.end() ? nullptr : &*found;
}

}  // namespace

std::span<const EvictionPolicyInfo> eviction_policies() { return kPolicies; }

const EvictionPolicyInfo* find_eviction_policy(Bytes name) {
  return find_exact(name == "adaptive" ? "allkeys-adaptive" : name);
}

MakePolicy find_policy_maker(Bytes short_name) {
  if (short_name == "ttl") return make_ttl;
  const auto* policy = find_exact(std::string(kAllPrefix).append(short_name));
  return policy == nullptr ? nullptr : policy->make;
}

std::string eviction_policy_names() {
  std::string names;
  for (const EvictionPolicyInfo& policy : kPolicies) {
    if (policy.name.substr(0, kAllPrefix.size()) != kAllPrefix) continue;
    names += (names.empty() ? "" : " ") + std::string(policy.name.substr(kAllPrefix.size()));
  }
  return names + " ttl";
}

}  // namespace larder
