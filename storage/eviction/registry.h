// The policies by their `maxmemory-policy` names.
#pragma once

#include <span>
#include <string>

#include "base/bytes.h"
#include "storage/eviction/eviction_group.h"
#include "storage/eviction/policies.h"

namespace larder {

// Of the names of policies under which any key may leave.
inline constexpr Bytes kAllPrefix = "allkeys-";

struct EvictionPolicyInfo {
  Bytes name;  // with its prefix: allkeys-lru
  MakePolicy make;
  Victims victims;
};

std::span<const EvictionPolicyInfo> eviction_policies();
// `adaptive` is short for `allkeys-adaptive`. Null: there is none of this name.
const EvictionPolicyInfo* find_eviction_policy(Bytes name);
// The maker of a policy by the name without prefix ("lru"); null when there is none.
MakePolicy find_policy_maker(Bytes short_name);
// The short names, with one space in between.
std::string eviction_policy_names();

}  // namespace larder
