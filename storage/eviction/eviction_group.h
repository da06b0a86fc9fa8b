// Sixteen neighbouring shards whose entries are evicted by one policy.
//
// A policy per shard would see a sixteenth or less of the cache, too little for its queues and
// ghosts when the cache is small; a policy for all shards would be one lock for all writers. So
// shards share one by the sixteen: with one worker that is the whole store (docs/adr/0006).
//
//   read that hits    changes the entry's stamp, under the shard's lock alone
//   insertion         shard's lock, then the group's: a reference of five bytes is queued
//   removal           shard's lock alone: the reference is left behind
//   eviction          group's lock: a candidate; its shard's lock, then the group's: judged
//
// When the policy is changed no entry is touched: the epoch in the entries' stamps is no longer the
// group's, and a walk over the tables in small steps queues them anew. The same walk gets rid of
// references that removals left behind, when they outnumber the living.
// Lock order: shards ascending, then the group, then nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "storage/entry.h"
#include "storage/eviction/estimate.h"
#include "storage/eviction/last_use_stamp.h"
#include "storage/eviction/policy.h"

namespace larder {

class Adviser;

// Which entries may be evicted at all.
enum class Victims : uint8_t { none, all, with_expiry };

class alignas(64) EvictionGroup {
 public:
  static constexpr unsigned kShardBits = EntryRef::kHomeBits;

  EvictionGroup();
  ~EvictionGroup();

  // Under the lock of the entry's shard.
  void used(Entry& entry, uint32_t place, uint8_t home, int64_t now_ms) {
    const Stamp before(entry.stamp());
    if (before.epoch() == epoch_) [[likely]] {
      const Stamp after = policy_->used(before, now_ms);
      if (after.bits() != before.bits()) entry.set_stamp(after.bits());
    } else {
      used_outside(entry, now_ms);
    }
    if ((place & sample_mask_) == 0) [[unlikely]]
      sampled_hit(entry, place, home, now_ms);
  }
  // A read that found nothing.
  void missed(uint32_t place, uint8_t home, int64_t now_ms) {
    if ((place & sample_mask_) == 0) [[unlikely]]
      sampled_miss(place, home, now_ms);
  }
  // An entry is new, may be evicted from now on, or must be queued anew. `use`: what a file says of
  // it, or null.
  void inserted(Entry& entry, uint32_t place, uint8_t home, size_t bytes, int64_t now_ms,
                const EntryUse* use = nullptr);
  // The same for an entry that the walk meets.
  void readmitted(Entry& entry, uint32_t place, uint8_t home, size_t bytes, int64_t now_ms);
  // The same for an entry that is there: RESTORE ... FREQ.
  void recall(Entry& entry, uint32_t place, uint8_t home, size_t bytes, const EntryUse& use,
              int64_t now_ms);
  // What a file should say of the entry.
  EntryUse use_of(const Entry& entry, int64_t now_ms) const {
    if (victims_ == Victims::none || (epoch_ != 0 && !holds(entry))) return {};
    return policy_->use_of(Stamp(entry.stamp()), now_ms);
  }
  // See EvictionPolicy. Under no shard's lock.
  std::string learned(size_t piece);
  void learn(Bytes piece);
  // An entry goes.
  void removed(Entry& entry);
  // It stays, but may not be evicted any more: its last use is kept.
  void excepted(Entry& entry, int64_t now_ms);
  bool may_evict(const Entry& entry) const {
    if (entry.is(Entry::kSticky) || victims_ == Victims::none) return false;
    return victims_ == Victims::all || entry.is(Entry::kHasExpiry);
  }
  // Whether the entry is queued by the policy in force.
  bool holds(const Entry& entry) const {
    return epoch_ != 0 && Stamp(entry.stamp()).epoch() == epoch_;
  }
  Victims victims() const { return victims_; }
  unsigned epoch() const { return epoch_; }
  // Milliseconds since the last use; nothing when the policy can't tell.
  std::optional<int64_t> idle_ms(const Entry& entry, int64_t now_ms) const;
  std::optional<unsigned> frequency(const Entry& entry, int64_t now_ms) const {
    return policy_->frequency(Stamp(entry.stamp()), now_ms);
  }
  bool samples() const { return policy_->samples(); }
  int64_t rank(const Entry& entry, size_t bytes, int64_t now_ms) const;
  bool queues_by_expiry() const { return policy_->queues_by_expiry(); }
  // Entries queued, without a lock: what another thread is about to change.
  int64_t live() const { return live_.load(std::memory_order_relaxed); }

  // Estimates of what other policies and sizes would do; null: none are wanted. Under all locks of
  // the group's shards.
  void set_adviser(std::unique_ptr<Adviser> adviser);
  // Both under no shard's lock.
  void tell_adviser(const StoreFacts& facts);
  double advice(std::vector<Estimate>& estimates);
  bool next(Candidate& candidate, Upcoming& upcoming);
  void tick(int64_t now_ms, const Capacity& capacity);
  // More than half of the references are of entries that are gone.
  bool wants_rebuild();
  size_t memory_bytes();
  // For reading a policy's own figures.
  template <typename Visit>
  void visit(Visit visit_policy) {
    MutexLock lock(mutex_);
    visit_policy(*policy_);
  }

  // Under the lock of the entry's shard: true when the entry is to be evicted.
  bool judge(Entry& entry, const Candidate& candidate, size_t bytes, int64_t now_ms);

  // Under all locks of the group's shards. Returns the old policy, for the caller to drop.
  std::unique_ptr<EvictionPolicy> set_policy(std::unique_ptr<EvictionPolicy> policy,
                                             Victims victims);
  // All references are forgotten; entries there are have to be inserted again.
  void forget();

  // How far the walk that queues entries anew has come.
  struct Walk {
    bool done = true;
    unsigned shard = 0;
    unsigned db = 0;
    uint64_t cursor = 0;
  };
  Mutex walk_mutex;  // taken before any shard's
  Walk walk GUARDED_BY(walk_mutex);
  // Starts the walk again, also for who holds shards.
  std::atomic<bool> walk_again{false};
  // Candidates were taken off the queues but could not be judged: a script held their shard.
  std::atomic<bool> lost_some{false};

 private:
  void insert(Resident& resident, const EntryUse* use);
  void used_outside(Entry& entry, int64_t now_ms);
  void leave_old_queue(Entry& entry, int64_t now_ms);
  void sampled_hit(const Entry& entry, uint32_t place, uint8_t home, int64_t now_ms);
  void sampled_miss(uint32_t place, uint8_t home, int64_t now_ms);
  void next_epoch();
  void note_sample_masks() REQUIRES(mutex_);
  void sampled(const Resident& entry, bool hit);

  // Written under all locks of the group's shards and its own; read under any of them.
  std::unique_ptr<EvictionPolicy> policy_;
  Victims victims_ = Victims::none;
  unsigned epoch_ = 0;  // 0: the policy has no queues
  unsigned last_epoch_ = 0;
  // Places to tell the policy or the adviser of; what comes of a stale one does no harm.
  std::atomic<uint32_t> sample_mask_{~0U};
  std::unique_ptr<Adviser> adviser_ GUARDED_BY(mutex_);
  std::atomic<int64_t> live_{0};
  Mutex mutex_;
};

}  // namespace larder
