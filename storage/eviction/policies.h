// The makers of all policies; registry.cc gives them their names.
#pragma once

#include <memory>

#include "storage/eviction/policy.h"

namespace larder {

class Slab;
class TrialTally;

enum class EvictionGoal : uint8_t { objects, bytes };

struct EvictionOptions {
  unsigned samples = 5;  // maxmemory-samples, of the policies that sample
  EvictionGoal goal = EvictionGoal::objects;
  unsigned lfu_log_factor = 10;
  unsigned lfu_decay_minutes = 1;
  // Where the queues of many small models lie together; null: each policy has a slab of its own.
  Slab* slab = nullptr;
  // Where the adaptive policies of all groups of shards count together; null: each by itself.
  std::shared_ptr<TrialTally> tally;

  bool operator==(const EvictionOptions&) const = default;
};

using MakePolicy = std::unique_ptr<EvictionPolicy> (*)(const EvictionOptions&);

std::unique_ptr<EvictionPolicy> make_adaptive(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_arc(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_clock(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_fifo(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_gdsf(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_lfu(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_lru(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_none(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_random(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_s3fifo(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_sieve(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_slru(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_tlru(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_ttl(const EvictionOptions&);
std::unique_ptr<EvictionPolicy> make_wtinylfu(const EvictionOptions&);

}  // namespace larder
