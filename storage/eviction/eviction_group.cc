#include "storage/eviction/eviction_group.h"

#include <algorithm>
#include <utility>

#include "storage/blob.h"
#include "storage/eviction/adviser.h"
#include "storage/slab.h"

namespace larder {
namespace {

// Dead references that are not worth a walk.
constexpr int64_t kDeadRefsMin = 4096;

Resident resident_of(const Entry& entry, uint32_t place, uint8_t home, size_t bytes,
                     int64_t now_ms) {
  return {place,
          home,
          Stamp(entry.stamp()),
          static_cast<uint32_t>(std::min<size_t>(bytes, UINT32_MAX)),
          entry.expiry_ms(),
          now_ms};
}

// As Keyspace::memory_of tells it; what an object takes is not worth counting for a sample.
size_t bytes_of(const Entry& entry) {
  const bool outside = entry.encoding() == Encoding::blob;
  return Slab::usable(entry.bytes()) + sizeof(Entry*) +
         (outside ? load<Blob*>(entry.payload())->memory_bytes() : 0);
}

}  // namespace

EvictionGroup::EvictionGroup() = default;
EvictionGroup::~EvictionGroup() = default;

void EvictionGroup::inserted(Entry& entry, uint32_t place, uint8_t home, size_t bytes,
                             int64_t now_ms, const EntryUse* use) {
  Resident resident = resident_of(entry, place, home, bytes, now_ms);
  if (epoch_ == 0) {
    insert(resident, use);
    entry.set_stamp(resident.stamp.bits());
    return;
  }
  if (!may_evict(entry)) {
    entry.set_stamp(last_use_stamp(now_ms).bits());
    return;
  }
  resident.stamp.set_epoch(epoch_);
  MutexLock lock(mutex_);
  insert(resident, use);
  if (adviser_ && (place & adviser_->sample_mask()) == 0) [[unlikely]]
    adviser_->put(resident);
  entry.set_stamp(resident.stamp.bits());
}

void EvictionGroup::insert(Resident& resident, const EntryUse* use) {
  use == nullptr ? policy_->inserted(resident) : policy_->recalled(resident, *use);
}

void EvictionGroup::recall(Entry& entry, uint32_t place, uint8_t home, size_t bytes,
                           const EntryUse& use, int64_t now_ms) {
  removed(entry);
  inserted(entry, place, home, bytes, now_ms, &use);
}

// Of an entry that is in no queue of the policy in force.
void EvictionGroup::used_outside(Entry& entry, int64_t now_ms) {
  if (epoch_ == 0) return leave_old_queue(entry, now_ms);
  if (Stamp(entry.stamp()).epoch() == 0) entry.set_stamp(last_use_stamp(now_ms).bits());
}

// What an older policy of queues wrote means nothing to one without, and could pass for a stamp of
// a later one.
void EvictionGroup::leave_old_queue(Entry& entry, int64_t now_ms) {
  if (Stamp(entry.stamp()).epoch() == 0) return;
  Resident resident = resident_of(entry, 0, 0, 0, now_ms);
  resident.stamp = last_use_stamp(now_ms);
  if (epoch_ == 0) policy_->inserted(resident);
  entry.set_stamp(resident.stamp.bits());
}

std::string EvictionGroup::learned(size_t piece) {
  MutexLock lock(mutex_);
  return policy_->learned(piece);
}

void EvictionGroup::learn(Bytes piece) {
  MutexLock lock(mutex_);
  policy_->learn(piece);
}

void EvictionGroup::readmitted(Entry& entry, uint32_t place, uint8_t home, size_t bytes,
                               int64_t now_ms) {
  if (holds(entry)) return;
  if (epoch_ == 0 || !may_evict(entry)) return leave_old_queue(entry, now_ms);
  Resident resident = resident_of(entry, place, home, bytes, now_ms);
  resident.stamp.set_epoch(epoch_);
  MutexLock lock(mutex_);
  policy_->readmitted(resident);
  entry.set_stamp(resident.stamp.bits());
}

void EvictionGroup::removed(Entry& entry) {
  if (!holds(entry)) return;
  policy_->removed(Stamp(entry.stamp()));
  entry.set_stamp(0);
}

void EvictionGroup::excepted(Entry& entry, int64_t now_ms) {
  const int64_t idle = idle_ms(entry, now_ms).value_or(0);
  removed(entry);
  entry.set_stamp(last_use_stamp(now_ms - idle).bits());
}

std::optional<int64_t> EvictionGroup::idle_ms(const Entry& entry, int64_t now_ms) const {
  const Stamp stamp(entry.stamp());
  const std::optional<int64_t> told = policy_->idle_ms(stamp, now_ms);
  if (!told || epoch_ == 0 || holds(entry)) return told;
  // In no queue; or of an older policy, and the walk that queues it as new has yet to come by.
  return stamp.epoch() == 0 ? last_use_idle_ms(stamp, now_ms) : 0;
}

int64_t EvictionGroup::rank(const Entry& entry, size_t bytes, int64_t now_ms) const {
  return policy_->rank(resident_of(entry, 0, 0, bytes, now_ms));
}

bool EvictionGroup::next(Candidate& candidate, Upcoming& upcoming) {
  MutexLock lock(mutex_);
  live_.store(policy_->live(), std::memory_order_relaxed);
  if (!policy_->next(candidate)) return false;
  candidate.from->look_ahead(upcoming);
  return true;
}

bool EvictionGroup::judge(Entry& entry, const Candidate& candidate, size_t bytes, int64_t now_ms) {
  // What must not be evicted any more leaves the queues when it is met.
  if (!may_evict(entry)) {
    excepted(entry, now_ms);
    return false;
  }
  Resident resident = resident_of(entry, candidate.ref.place, candidate.ref.home, bytes, now_ms);
  MutexLock lock(mutex_);
  if (policy_->judge(resident, candidate)) return true;
  entry.set_stamp(resident.stamp.bits());
  return false;
}

void EvictionGroup::sampled_hit(const Entry& entry, uint32_t place, uint8_t home, int64_t now_ms) {
  sampled(resident_of(entry, place, home, bytes_of(entry), now_ms), true);
}

void EvictionGroup::sampled_miss(uint32_t place, uint8_t home, int64_t now_ms) {
  sampled({place, home, Stamp(), 0, kNoExpiry, now_ms}, false);
}

void EvictionGroup::sampled(const Resident& entry, bool hit) {
  MutexLock lock(mutex_);
  if ((entry.place & policy_->sample_mask()) == 0) policy_->sampled_read(entry, hit);
  if (adviser_ && (entry.place & adviser_->sample_mask()) == 0) adviser_->read(entry, hit);
}

void EvictionGroup::note_sample_masks() {
  const uint32_t advised = adviser_ ? adviser_->sample_mask() : ~0U;
  sample_mask_.store(policy_->sample_mask() & advised, std::memory_order_relaxed);
}

void EvictionGroup::set_adviser(std::unique_ptr<Adviser> adviser) {
  MutexLock lock(mutex_);
  adviser_ = std::move(adviser);
  note_sample_masks();
}

void EvictionGroup::tell_adviser(const StoreFacts& facts) {
  MutexLock lock(mutex_);
  if (adviser_) adviser_->note(facts);
}

double EvictionGroup::advice(std::vector<Estimate>& estimates) {
  MutexLock lock(mutex_);
  if (!adviser_) return 0;
  estimates = adviser_->estimates();
  return adviser_->reads();
}

void EvictionGroup::tick(int64_t now_ms, const Capacity& capacity) {
  MutexLock lock(mutex_);
  policy_->tick(now_ms);
  policy_->set_capacity(capacity.entries);
  if (adviser_) adviser_->set_capacity(capacity);
  note_sample_masks();
}

bool EvictionGroup::wants_rebuild() {
  MutexLock lock(mutex_);
  const auto references = static_cast<int64_t>(policy_->references());
  return references > 2 * policy_->live() + kDeadRefsMin;
}

size_t EvictionGroup::memory_bytes() {
  MutexLock lock(mutex_);
  return policy_->memory_bytes() + (adviser_ ? adviser_->memory_bytes() : 0);
}

std::unique_ptr<EvictionPolicy> EvictionGroup::set_policy(std::unique_ptr<EvictionPolicy> policy,
                                                          Victims victims) {
  MutexLock lock(mutex_);
  policy_.swap(policy);
  victims_ = victims;
  epoch_ = 0;
  walk_again.store(true, std::memory_order_relaxed);
  if (!policy_->samples()) next_epoch();
  note_sample_masks();
  return policy;
}

void EvictionGroup::forget() {
  MutexLock lock(mutex_);
  if (epoch_ == 0) return;
  policy_->forget();
  next_epoch();
}

// A stamp three policies old could pass for one of today: such an entry would never be met. The
// walk that makes all stamps new ends long before, as it is not cut short by another change.
void EvictionGroup::next_epoch() {
  last_epoch_ = last_epoch_ % 3 + 1;
  epoch_ = last_epoch_;
  walk_again.store(true, std::memory_order_relaxed);
}

}  // namespace larder
