// A cache without values: keys as 40 bits of their hash, run by a real policy. larder-sim replays
// traces on it; the adaptive policy and the adviser try settings and sizes out on small ones.
//
//   node:  | place 4 B | stamp 3 B, home 1 B |
//   facts: | bytes 4 B | expiry, in seconds 4 B |   only once an object has a size or an expiry
//
// Nodes lie in one table with linear probing, at most three quarters full; facts beside them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "storage/eviction/policy.h"

namespace larder {

class ModelCache {
 public:
  // At most so many objects, and so many bytes of them.
  struct Limit {
    int64_t objects = INT64_MAX;
    int64_t bytes = INT64_MAX;
  };
  struct Object {
    uint32_t place = 0;
    uint8_t home = 0;
    uint32_t bytes = 1;
    int64_t expiry_ms = -1;
  };

  ModelCache(std::unique_ptr<EvictionPolicy> policy, const Limit& limit, unsigned samples = 5);

  // Whether the object is there and alive; if so it counts as a use.
  bool use(const Object& object, int64_t now_ms);
  // Puts an object; one of more bytes than the limit stays out. One that is there gets the expiry
  // only.
  void put(const Object& object, int64_t now_ms);
  void remove(const Object& object);
  bool contains(const Object& object) const { return find(object.place, object.home) != kNone; }
  void set_limit(const Limit& limit);

  int64_t objects() const { return objects_; }
  int64_t bytes() const { return bytes_; }
  const EvictionPolicy& policy() const { return *policy_; }
  EvictionPolicy& policy() { return *policy_; }
  size_t memory_bytes() const {
    return nodes_.capacity() * sizeof(Node) + facts_.capacity() * sizeof(Facts) +
           policy_->memory_bytes();
  }

 private:
  struct Node {
    uint32_t place = 0;
    uint32_t stamp : 24 = 0;
    uint32_t home : 7 = 0;
    uint32_t taken : 1 = 0;

    void set_stamp(Stamp now) { stamp = now.bits() & 0xffffff; }
  };
  struct Facts {
    uint32_t bytes = 1;
    uint32_t expiry_s = 0;  // 0: none
  };
  static_assert(sizeof(Node) == 8);
  static constexpr size_t kNone = ~size_t{0};

  static uint32_t expiry_s(const Object& object, int64_t now_ms);
  size_t home_slot(uint32_t place, uint8_t home) const;
  size_t find(uint32_t place, uint8_t home) const;
  Facts facts(size_t slot) const { return facts_.empty() ? Facts{} : facts_[slot]; }
  bool expired(size_t slot, int64_t now_ms) const;
  Resident resident(size_t slot, int64_t now_ms) const;
  void make_room(int64_t bytes, int64_t now_ms);
  bool evict_queued(int64_t now_ms);
  bool evict_sampled(int64_t now_ms);
  void estimate_capacity();
  void erase(size_t slot);
  void grow();

  std::unique_ptr<EvictionPolicy> policy_;
  Limit limit_;
  unsigned samples_;
  std::vector<Node> nodes_;
  std::vector<Facts> facts_;  // of the nodes, or empty
  int64_t objects_ = 0;
  int64_t bytes_ = 0;
  int64_t puts_ = 0;
  uint64_t random_ = 1;
};

}  // namespace larder
