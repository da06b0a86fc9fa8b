// What a restart keeps of eviction beside the uses of each key: what the policies have learned, in
// facts at the head of the file, which Redis passes over.
//
//   larder-hash-seed   keys' hashes are the same after the restart, so ghosts know them
//   larder-eviction    "policy group/groups shards\0" and a piece of what a group's policy learned
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "storage/rdb/file.h"

namespace larder {

struct Services;

// Without locks. Nothing when nothing is ever evicted.
RdbFacts eviction_facts(Services& services);

// Gives what a file says to the policies, where policy, groups and hashes are the same. All else is
// passed on. Before the first key.
class EvictionRecall : public RdbNews {
 public:
  EvictionRecall(Services& services, RdbNews* next) : services_(services), next_(next) {}
  void fact(Bytes name, Bytes value) override;

 private:
  void learn(Bytes value);

  Services& services_;
  RdbNews* const next_;  // may be null
  bool same_hashes_ = false;
};

// The seed that the server had that wrote the file, if it says so.
std::optional<uint64_t> hash_seed_in(const std::string& path);

}  // namespace larder
