#include "storage/eviction/recency_queue.h"

#include <algorithm>

namespace larder {

void Generations::count_insertion(int64_t live, int64_t now_ms) {
  if (++insertions_ >= std::max<int64_t>(live / per_turn_, 1)) begin(now_ms);
}

void Generations::tick(int64_t now_ms) {
  if (now_ms / 1000 > began_s(now())) begin(now_ms);
}

void Generations::begin(int64_t now_ms) {
  insertions_ = 0;
  const uint32_t next = (now() + 1) & kMask;
  began_s(next) = static_cast<uint32_t>(now_ms / 1000);
  now_.store(next, std::memory_order_relaxed);
}

uint32_t Generations::of(int64_t used_ms, int64_t now_ms) {
  if (began_s(now() - kGenerationsRecalled) == 0) make_past(now_ms);
  const auto used_s = static_cast<uint32_t>(std::max<int64_t>(used_ms, 0) / 1000);
  uint32_t from = 0;  // the youngest that had begun by then
  uint32_t to = kGenerationsRecalled;
  while (from < to) {
    const uint32_t middle = (from + to) / 2;
    began_s(now() - middle) <= used_s ? to = middle : from = middle + 1;
  }
  return (now() - from) & kMask;
}

// Up to twelve days: a second each, five minutes back, and then each 1% longer.
void Generations::make_past(int64_t now_ms) {
  constexpr double kSeconds = 300;
  if (began_s(now()) == 0) began_s(now()) = static_cast<uint32_t>(now_ms / 1000);
  double age = static_cast<double>(now_ms / 1000 - began_s(now()));
  for (uint32_t back = 1; back <= kGenerationsRecalled; ++back) {
    uint32_t& began = began_s(now() - back);
    if (began != 0) continue;
    age = std::max(age, static_cast<double>(now_ms / 1000 - began_s(now() - back + 1)));
    age += age < kSeconds ? 1 : age * 0.0115;
    began = static_cast<uint32_t>(now_ms / 1000 - static_cast<int64_t>(age));
  }
}

int64_t Generations::began_ms(uint32_t generation) const {
  const uint32_t age = (now() - generation) & kMask;
  const uint32_t known = age < began_s_.size() ? generation : now() + 1;
  return int64_t{began_s_[known % began_s_.size()]} * 1000;
}

void RecencyQueue::push(EntryRef ref, uint32_t generation) {
  const uint32_t now = generations_->now();
  if (queues_.empty()) {
    first_ = generation;
    queues_.emplace_back(*slab_);
  }
  // What is older than the oldest kept joins it.
  const uint32_t span = (now - first_) & Generations::kMask;
  const uint32_t age = std::min((now - generation) & Generations::kMask, span);
  const size_t index = span - age;
  while (queues_.size() <= index) queues_.emplace_back(*slab_);
  queues_[index].push(ref);
  ++size_;
  while (queues_.size() > kKeptMax) {
    queues_[1].put_before(std::move(queues_[0]));
    queues_.pop_front();
    first_ = (first_ + 1) & Generations::kMask;
  }
}

void RecencyQueue::push_recalled(EntryRef ref, uint32_t generation) {
  const uint32_t now = generations_->now();
  const uint32_t age = (now - generation) & Generations::kMask;
  while (!queues_.empty() && queues_.size() < kKeptMax &&
         age > ((now - first_) & Generations::kMask)) {
    queues_.emplace_front(*slab_);
    first_ = (first_ - 1) & Generations::kMask;
  }
  push(ref, generation);
}

bool RecencyQueue::pop(Candidate& candidate) {
  while (!queues_.empty() && queues_.front().size() == 0) {
    queues_.pop_front();
    first_ = (first_ + 1) & Generations::kMask;
  }
  if (queues_.empty()) return false;
  candidate.generation = first_;
  --size_;
  return queues_.front().pop(candidate);
}

}  // namespace larder
