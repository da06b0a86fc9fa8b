// ttl: what expires soonest goes first.
//
//   | 1 s | 1 s | ... | 2 s | 2 s | ... | 4 s | ...      slots of time, each a queue
//     ^ victims                           ^ as wide as a 64th to a 32nd of the life left
//
// Who comes to the head of a slot that is wide for the life left by now, or whose life was made
// longer meanwhile, is queued anew where it belongs: so the order is exact up to a second or a 32nd
// of the life left, and an entry is moved once each time its life has halved.
#include <algorithm>
#include <bit>
#include <map>

#include "storage/eviction/policies.h"
#include "storage/eviction/queue_policy.h"

namespace larder {
namespace {

class SoonestExpiry : public QueuePolicy {
 public:
  using QueuePolicy::QueuePolicy;

  // detail: | second of the last use, modulo 2^16 |
  Stamp used(Stamp stamp, int64_t now_ms) const override {
    stamp.set_detail(second_of(now_ms));
    return stamp;
  }
  std::optional<int64_t> idle_ms(Stamp stamp, int64_t now_ms) const override {
    return int64_t{(second_of(now_ms) - stamp.detail()) & kSecondMask} * 1000;
  }
  EntryUse use_of(Stamp stamp, int64_t now_ms) const override {
    return {.idle_seconds = *idle_ms(stamp, now_ms) / 1000};
  }

  void inserted(Resident& entry) override {
    entry.stamp.set_detail(second_of(entry.now_ms));
    push(slot(slot_of(entry)), 0, entry);
  }
  void recalled(Resident& entry, const EntryUse& use) override {
    inserted(entry);
    const int64_t idle_seconds = std::clamp<int64_t>(use.idle_seconds, 0, kSecondMask);
    entry.stamp.set_detail(second_of(entry.now_ms - idle_seconds * 1000));
  }

  bool next(Candidate& candidate) override {
    while (!slots_.empty() && slots_.begin()->second.size() == 0) slots_.erase(slots_.begin());
    if (slots_.empty()) return false;
    auto& [slot, queue] = *slots_.begin();
    candidate.generation = slot;
    return queue.pop(candidate);
  }
  bool judge(Resident& entry, const Candidate& candidate) override {
    const uint32_t place = slot_of(entry);
    if (place <= candidate.generation) return true;
    move(slot(place), 0, entry);
    return false;
  }

  bool queues_by_expiry() const override { return true; }
  size_t references() const override {
    size_t sum = 0;
    for (const auto& [time, refs] : slots_) sum += refs.size();
    return sum;
  }
  size_t memory_bytes() const override {
    constexpr size_t kNodeBytes = 48;  // of the map, beside what it holds
    return QueuePolicy::memory_bytes() + slots_.size() * (sizeof(FifoQueue) + kNodeBytes);
  }

 private:
  static constexpr uint32_t kSecondMask = (1U << Stamp::kDetailBits) - 1;
  static constexpr uint32_t kNever = UINT32_MAX;  // of what has no expiry, in larder-sim
  static constexpr unsigned kUnitBits = 10;       // slots begin at multiples of 1024 ms
  static constexpr unsigned kShareBits = 6;

  static uint32_t second_of(int64_t now_ms) {
    return static_cast<uint32_t>(now_ms / 1000) & kSecondMask;
  }
  // When the slot begins that the entry belongs to now.
  static uint32_t slot_of(const Resident& entry) {
    if (entry.expiry_ms < 0) return kNever;
    const int64_t unit = std::min<int64_t>(entry.expiry_ms >> kUnitBits, kNever - 1);
    const int64_t left = std::max<int64_t>(unit - (entry.now_ms >> kUnitBits), 0);
    const auto width_bits = std::bit_width(static_cast<uint64_t>(left) >> kShareBits);
    return static_cast<uint32_t>(unit >> width_bits << width_bits);
  }
  FifoQueue& slot(uint32_t time) { return slots_.try_emplace(time, slab_).first->second; }
  void forget_queues() override { slots_.clear(); }

  std::map<uint32_t, FifoQueue> slots_;  // by when they begin
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_ttl(const EvictionOptions& options) {
  return std::make_unique<SoonestExpiry>(options.slab);
}

}  // namespace larder
