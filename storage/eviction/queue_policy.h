// What policies of queues have in common: memory for the queues, marks, and how many entries live
// in each queue.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>

#include "storage/eviction/policy.h"
#include "storage/slab.h"

namespace larder {

class QueuePolicy : public EvictionPolicy {
 public:
  static constexpr unsigned kQueuesMax = 4;

  // `slab` outlives the policy; null: it has one of its own.
  explicit QueuePolicy(Slab* slab)
      : own_slab_(slab == nullptr ? std::make_unique<Slab>() : nullptr),
        slab_(slab == nullptr ? *own_slab_ : *slab) {}

  Stamp used(Stamp stamp, int64_t now_ms) const override;
  void recalled(Resident& entry, const EntryUse& use) override;
  EntryUse use_of(Stamp stamp, int64_t now_ms) const override;
  void removed(Stamp stamp) override { add_live(stamp.queue(), -1); }
  // Without what lies in a shared slab.
  size_t memory_bytes() const override { return own_slab_ ? own_slab_->used_bytes() : 0; }
  std::optional<int64_t> idle_ms(Stamp stamp, int64_t now_ms) const override;
  int64_t live() const override;
  void forget() override;

 protected:
  // detail: | second of the last use, modulo 2^14 | uses 2 |
  static constexpr unsigned kUsesMax = 3;
  static unsigned uses(Stamp stamp) { return stamp.detail() & kUsesMax; }
  static void set_uses(Stamp& stamp, unsigned uses) {
    stamp.set_detail((stamp.detail() & ~kUsesMax) | uses);
  }

  // Puts the entry at the end of a queue; counts it there.
  void push(FifoQueue& to, unsigned queue, Resident& entry);
  // The same for an entry that lived in a queue before.
  void move(FifoQueue& to, unsigned queue, Resident& entry) {
    add_live(entry.stamp.queue(), -1);
    push(to, queue, entry);
  }
  void stamp_new(Resident& entry, unsigned uses) const;
  // The same for one with a past; `uses` as far as they can be counted.
  void stamp_recalled(Resident& entry, const EntryUse& use, int uses) const;

  // Drops the references of the policy's own queues.
  virtual void forget_queues() = 0;
  // Entries alive in a queue. An entry that moves is counted in two steps, and others may look in
  // between: off by some, but never below nothing.
  int64_t live(unsigned queue) const {
    return std::max<int64_t>(live_[queue].load(std::memory_order_relaxed), 0);
  }
  void add_live(unsigned queue, int64_t change) const {
    live_[queue].fetch_add(change, std::memory_order_relaxed);
  }
  uint8_t new_mark() { return next_mark_++ & ((1 << EntryRef::kMarkBits) - 1); }

 private:
  std::unique_ptr<Slab> own_slab_;

 protected:
  Slab& slab_;

 private:
  // Hits move entries between queues without the group's lock.
  mutable std::array<std::atomic<int64_t>, kQueuesMax> live_{};
  uint8_t next_mark_ = 0;
};

}  // namespace larder
