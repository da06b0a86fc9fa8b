// What an eviction policy is: it watches the entries of one shard and names the next victim.
//
// One file per policy behind this interface, found by its `maxmemory-policy` name in registry.cc.
// Every call is made under the shard's lock. A policy may keep what it needs in an entry's 24-bit
// stamp, which nobody else reads, and must cope with stamps another policy left there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.h"

namespace larder {

class Entry;
class Keyspace;
struct Item;

class EvictionPolicy {
 public:
  virtual ~EvictionPolicy() = default;

  virtual void inserted(Keyspace& keyspace, Entry& entry) = 0;
  virtual void accessed(Keyspace& keyspace, Entry& entry) = 0;
  virtual void removed(Keyspace&, Entry&) {}
  // The entry to evict next from this keyspace; a null Item when none may be.
  virtual Item victim(Keyspace& keyspace, uint64_t random) = 0;

  // Milliseconds since the last use, for OBJECT IDLETIME; nothing when the policy can't tell.
  virtual std::optional<int64_t> idle_ms(const Entry&, int64_t /*now_ms*/) const { return {}; }
};

struct EvictionOptions {
  unsigned samples = 5;  // `maxmemory-samples`
};

// What the registry knows of a policy.
struct EvictionPolicyInfo {
  Bytes name;
  // Null for noeviction, which still notes accesses for OBJECT IDLETIME.
  std::unique_ptr<EvictionPolicy> (*make)(const EvictionOptions&);
  bool evicts;
};

std::span<const EvictionPolicyInfo> eviction_policies();
const EvictionPolicyInfo* find_eviction_policy(Bytes name);

}  // namespace larder
