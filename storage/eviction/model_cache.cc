#include "storage/eviction/model_cache.h"

#include <algorithm>
#include <utility>

namespace larder {
namespace {

constexpr size_t kNodesMin = 64;
// What is stamped by a policy in a model; there is only ever one policy.
constexpr unsigned kEpoch = 1;

}  // namespace

ModelCache::ModelCache(std::unique_ptr<EvictionPolicy> policy, const Limit& limit, unsigned samples)
    : policy_(std::move(policy)), samples_(samples), nodes_(kNodesMin) {
  set_limit(limit);
}

void ModelCache::set_limit(const Limit& limit) {
  limit_ = limit;
  if (limit.objects != INT64_MAX) policy_->set_capacity(limit.objects);
}

// By bytes alone, the mean size so far tells how many objects will fit.
void ModelCache::estimate_capacity() {
  constexpr int64_t kEvery = 1024;
  if (limit_.objects != INT64_MAX || limit_.bytes == INT64_MAX || ++puts_ % kEvery != 0) return;
  const double mean = static_cast<double>(bytes_) / static_cast<double>(objects_);
  policy_->set_capacity(static_cast<int64_t>(static_cast<double>(limit_.bytes) / mean));
}

// The table's size is a power of two.
size_t ModelCache::home_slot(uint32_t place, uint8_t home) const {
  return static_cast<size_t>(Resident::hash_of_place(place, home) >> 20) & (nodes_.size() - 1);
}

size_t ModelCache::find(uint32_t place, uint8_t home) const {
  for (size_t slot = home_slot(place, home);; slot = (slot + 1) & (nodes_.size() - 1)) {
    const Node& node = nodes_[slot];
    if (!node.taken) return kNone;
    if (node.place == place && node.home == home) return slot;
  }
}

bool ModelCache::expired(size_t slot, int64_t now_ms) const {
  const uint32_t expiry_s = facts(slot).expiry_s;
  return expiry_s != 0 && int64_t{expiry_s} * 1000 <= now_ms;
}

Resident ModelCache::resident(size_t slot, int64_t now_ms) const {
  const Node& node = nodes_[slot];
  const Facts known = facts(slot);
  const int64_t expiry_ms = known.expiry_s == 0 ? -1 : int64_t{known.expiry_s} * 1000;
  // Where objects are counted and not their bytes, no policy is to weigh them.
  const uint32_t bytes = limit_.bytes == INT64_MAX ? 1 : known.bytes;
  return {node.place, static_cast<uint8_t>(node.home), Stamp(node.stamp), bytes, expiry_ms, now_ms};
}

bool ModelCache::use(const Object& object, int64_t now_ms) {
  size_t slot = find(object.place, object.home);
  if (slot != kNone && expired(slot, now_ms)) {
    erase(slot);
    slot = kNone;
  }
  const bool hit = slot != kNone;
  if (hit) nodes_[slot].set_stamp(policy_->used(Stamp(nodes_[slot].stamp), now_ms));
  if ((object.place & policy_->sample_mask()) == 0) [[unlikely]] {
    const uint32_t bytes = limit_.bytes == INT64_MAX ? 1 : object.bytes;
    policy_->sampled_read({object.place, object.home, Stamp(), bytes, -1, now_ms}, hit);
  }
  return hit;
}

// The second in which it ends, but not one that is over already.
uint32_t ModelCache::expiry_s(const Object& object, int64_t now_ms) {
  if (object.expiry_ms < 0) return 0;
  return static_cast<uint32_t>(std::max(object.expiry_ms / 1000, now_ms / 1000 + 1));
}

void ModelCache::put(const Object& object, int64_t now_ms) {
  if (object.bytes > limit_.bytes) return;
  if (const size_t slot = find(object.place, object.home); slot != kNone) {
    if (!facts_.empty()) facts_[slot].expiry_s = expiry_s(object, now_ms);
    return;
  }
  make_room(object.bytes, now_ms);
  if (static_cast<size_t>(objects_ + 1) * 4 > nodes_.size() * 3) grow();
  if (facts_.empty() && (object.bytes != 1 || object.expiry_ms >= 0)) facts_.resize(nodes_.size());
  size_t slot = home_slot(object.place, object.home);
  while (nodes_[slot].taken) slot = (slot + 1) & (nodes_.size() - 1);
  nodes_[slot] = {.place = object.place, .home = object.home & 15U, .taken = 1};
  if (!facts_.empty()) {
    facts_[slot] = {object.bytes, expiry_s(object, now_ms)};
  }
  Resident entry = resident(slot, now_ms);
  entry.stamp.set_epoch(kEpoch);
  policy_->inserted(entry);
  nodes_[slot].set_stamp(entry.stamp);
  ++objects_;
  bytes_ += object.bytes;
  estimate_capacity();
}

void ModelCache::remove(const Object& object) {
  const size_t slot = find(object.place, object.home);
  if (slot != kNone) erase(slot);
}

void ModelCache::make_room(int64_t bytes, int64_t now_ms) {
  while (objects_ > 0 && (objects_ + 1 > limit_.objects || bytes_ + bytes > limit_.bytes)) {
    if (!(policy_->samples() ? evict_sampled(now_ms) : evict_queued(now_ms))) return;
  }
}

bool ModelCache::evict_queued(int64_t now_ms) {
  Candidate candidate;
  while (policy_->next(candidate)) {
    const size_t slot = find(candidate.ref.place, candidate.ref.home);
    if (slot == kNone || Stamp(nodes_[slot].stamp).mark() != candidate.ref.mark) continue;
    Resident entry = resident(slot, now_ms);
    if (policy_->judge(entry, candidate)) {
      erase(slot);
      return true;
    }
    nodes_[slot].set_stamp(entry.stamp);
  }
  return false;
}

bool ModelCache::evict_sampled(int64_t now_ms) {
  size_t worst = kNone;
  int64_t worst_rank = 0;
  for (unsigned i = 0; i < samples_; ++i) {
    random_ = random_ * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
    size_t slot = static_cast<size_t>(random_ >> 24) & (nodes_.size() - 1);
    while (!nodes_[slot].taken) slot = (slot + 1) & (nodes_.size() - 1);
    const int64_t rank = policy_->rank(resident(slot, now_ms));
    if (worst != kNone && rank <= worst_rank) continue;
    worst = slot;
    worst_rank = rank;
  }
  erase(worst);
  return true;
}

// Closes the gap so that no search stops at it.
void ModelCache::erase(size_t slot) {
  policy_->removed(Stamp(nodes_[slot].stamp));
  --objects_;
  bytes_ -= facts(slot).bytes;
  const size_t mask = nodes_.size() - 1;
  for (size_t next = (slot + 1) & mask; nodes_[next].taken; next = (next + 1) & mask) {
    const size_t home = home_slot(nodes_[next].place, static_cast<uint8_t>(nodes_[next].home));
    if (((next - home) & mask) < ((next - slot) & mask)) continue;
    nodes_[slot] = nodes_[next];
    if (!facts_.empty()) facts_[slot] = facts_[next];
    slot = next;
  }
  nodes_[slot].taken = 0;
}

void ModelCache::grow() {
  std::vector<Node> old(nodes_.size() * 2);
  std::vector<Facts> old_facts(facts_.empty() ? 0 : old.size());
  old.swap(nodes_);
  old_facts.swap(facts_);
  for (size_t i = 0; i < old.size(); ++i) {
    if (!old[i].taken) continue;
    size_t slot = home_slot(old[i].place, static_cast<uint8_t>(old[i].home));
    while (nodes_[slot].taken) slot = (slot + 1) & (nodes_.size() - 1);
    nodes_[slot] = old[i];
    if (!facts_.empty()) facts_[slot] = old_facts[i];
  }
}

}  // namespace larder
