// What policies with queues in order of use have in common. The detail of a stamp is the
// generation of the last use.
#pragma once

#include <algorithm>

#include "storage/eviction/queue_policy.h"
#include "storage/eviction/recency_queue.h"

namespace larder {

class RecencyPolicy : public QueuePolicy {
 public:
  // A slab that many small caches share: this is a model, which nobody asks for idle times.
  explicit RecencyPolicy(Slab* slab) : QueuePolicy(slab), generations_(slab != nullptr) {}

  Stamp used(Stamp stamp, int64_t) const override {
    stamp.set_detail(generations_.now());
    return stamp;
  }
  void tick(int64_t now_ms) override { generations_.tick(now_ms); }
  // A policy of several queues tells them by the counter.
  void recalled(Resident& entry, const EntryUse& use) override {
    const int64_t idle_ms = std::max<int64_t>(use.idle_seconds, 0) * 1000;
    const int queue = std::clamp(use.frequency - EntryUse::kNewFrequency, 0, queue_count() - 1);
    const uint8_t mark = new_mark();
    entry.stamp.set_detail(generations_.of(entry.now_ms - idle_ms, entry.now_ms));
    entry.stamp.set_queue(static_cast<unsigned>(queue));
    entry.stamp.set_mark(mark);
    refs_of(static_cast<unsigned>(queue))
        .push_recalled({entry.place, entry.home, mark}, entry.stamp.detail());
    add_live(static_cast<unsigned>(queue), 1);
  }
  EntryUse use_of(Stamp stamp, int64_t now_ms) const override {
    const int worth = EntryUse::kNewFrequency + static_cast<int>(stamp.queue());
    return {.idle_seconds = *idle_ms(stamp, now_ms) / 1000,
            .frequency = queue_count() > 1 ? worth : -1};
  }
  std::optional<int64_t> idle_ms(Stamp stamp, int64_t now_ms) const override {
    return std::max<int64_t>(now_ms - generations_.began_ms(stamp.detail()), 0);
  }
  size_t memory_bytes() const override {
    return QueuePolicy::memory_bytes() + generations_.memory_bytes();
  }

 protected:
  virtual RecencyQueue& refs_of(unsigned queue) = 0;
  virtual int queue_count() const { return 1; }

  // A new entry: it is of the present generation.
  void begin(Resident& entry) {
    generations_.count_insertion(live(), entry.now_ms);
    entry.stamp.set_detail(generations_.now());
  }
  void push(RecencyQueue& to, unsigned queue, Resident& entry) {
    const uint8_t mark = new_mark();
    entry.stamp.set_queue(queue);
    entry.stamp.set_mark(mark);
    to.push({entry.place, entry.home, mark}, entry.stamp.detail());
    add_live(queue, 1);
  }
  void move(RecencyQueue& to, unsigned queue, Resident& entry) {
    add_live(entry.stamp.queue(), -1);
    push(to, queue, entry);
  }
  // The reference an entry was given.
  static EntryRef ref_of(const Resident& entry) {
    return {entry.place, entry.home, static_cast<uint8_t>(entry.stamp.mark())};
  }
  // Puts an entry that was used since its reference was queued where it belongs.
  bool forwarded(RecencyQueue& to, Resident& entry, const Candidate& candidate) {
    if (entry.stamp.detail() == candidate.generation) return false;
    // A generation that was joined to a later one is no later use.
    const uint32_t now = generations_.now();
    const auto age = [now](uint32_t generation) { return (now - generation) & Generations::kMask; };
    if (age(entry.stamp.detail()) > age(candidate.generation)) return false;
    to.push(ref_of(entry), entry.stamp.detail());
    return true;
  }

  Generations generations_;
};

}  // namespace larder
