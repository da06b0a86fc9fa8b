#include "storage/eviction/recency_queue.h"

#include <algorithm>

namespace larder {
namespace {

constexpr int64_t kGenerationsPerTurn = 128;

}  // namespace

void Generations::count_insertion(int64_t live, int64_t now_ms) {
  if (++insertions_ >= std::max<int64_t>(live / kGenerationsPerTurn, 1)) begin(now_ms);
}

void Generations::tick(int64_t now_ms) {
  if (now_ms / 1000 > began_s_[now() % kRemembered]) begin(now_ms);
}

void Generations::begin(int64_t now_ms) {
  insertions_ = 0;
  const uint32_t next = (now() + 1) & kMask;
  began_s_[next % kRemembered] = static_cast<uint32_t>(now_ms / 1000);
  now_.store(next, std::memory_order_relaxed);
}

int64_t Generations::began_ms(uint32_t generation) const {
  const uint32_t age = (now() - generation) & kMask;
  const uint32_t known = age < kRemembered ? generation : now() + 1;
  return int64_t{began_s_[known % kRemembered]} * 1000;
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

bool RecencyQueue::pop(EntryRef& ref, uint32_t& generation) {
  while (!queues_.empty() && queues_.front().size() == 0) {
    queues_.pop_front();
    first_ = (first_ + 1) & Generations::kMask;
  }
  if (queues_.empty()) return false;
  generation = first_;
  --size_;
  return queues_.front().pop(ref);
}

}  // namespace larder
