#include "storage/eviction/queue_policy.h"

#include <algorithm>

namespace larder {
namespace {

constexpr unsigned kSecondBits = Stamp::kDetailBits - 2;
constexpr uint32_t kSecondMask = (1U << kSecondBits) - 1;

uint32_t second_of(int64_t now_ms) { return static_cast<uint32_t>(now_ms / 1000) & kSecondMask; }

}  // namespace

Stamp QueuePolicy::used(Stamp stamp, int64_t now_ms) const {
  const uint32_t count = uses(stamp);
  stamp.set_detail(second_of(now_ms) << 2 | (count < kUsesMax ? count + 1 : count));
  return stamp;
}

void QueuePolicy::stamp_new(Resident& entry, unsigned uses) const {
  entry.stamp.set_detail(second_of(entry.now_ms) << 2 | uses);
}

void QueuePolicy::stamp_recalled(Resident& entry, const EntryUse& use, int uses) const {
  const int64_t idle_seconds = std::clamp<int64_t>(use.idle_seconds, 0, kSecondMask);
  const auto count = static_cast<unsigned>(std::clamp(uses, 0, int{kUsesMax}));
  entry.stamp.set_detail(second_of(entry.now_ms - idle_seconds * 1000) << 2 | count);
}

void QueuePolicy::recalled(Resident& entry, const EntryUse& use) {
  inserted(entry);
  stamp_recalled(entry, use, use.frequency - EntryUse::kNewFrequency);
}

EntryUse QueuePolicy::use_of(Stamp stamp, int64_t) const {
  return {.frequency = EntryUse::kNewFrequency + static_cast<int>(uses(stamp))};
}

std::optional<int64_t> QueuePolicy::idle_ms(Stamp stamp, int64_t now_ms) const {
  return int64_t{(second_of(now_ms) - (stamp.detail() >> 2)) & kSecondMask} * 1000;
}

void QueuePolicy::push(FifoQueue& to, unsigned queue, Resident& entry) {
  const uint8_t mark = new_mark();
  entry.stamp.set_queue(queue);
  entry.stamp.set_mark(mark);
  to.push({entry.place, entry.home, mark});
  add_live(queue, 1);
}

void QueuePolicy::forget() {
  forget_queues();
  for (auto& each : live_) each.store(0, std::memory_order_relaxed);
}

int64_t QueuePolicy::live() const {
  int64_t sum = 0;
  for (unsigned queue = 0; queue < live_.size(); ++queue) sum += live(queue);
  return sum;
}

}  // namespace larder
