#include "storage/eviction/fifo_queue.h"

#include <cstring>
#include <utility>

#include "storage/slab.h"

namespace larder {

FifoQueue::FifoQueue(FifoQueue&& other) noexcept
    : slab_(other.slab_),
      head_(std::exchange(other.head_, nullptr)),
      tail_(std::exchange(other.tail_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      seen_ahead_(std::exchange(other.seen_ahead_, 0)) {}

FifoQueue& FifoQueue::operator=(FifoQueue&& other) noexcept {
  if (this == &other) return *this;
  clear();
  slab_ = other.slab_;
  head_ = std::exchange(other.head_, nullptr);
  tail_ = std::exchange(other.tail_, nullptr);
  size_ = std::exchange(other.size_, 0);
  seen_ahead_ = std::exchange(other.seen_ahead_, 0);
  return *this;
}

EntryRef FifoQueue::read(const uint8_t* at) {
  EntryRef ref;
  std::memcpy(&ref.place, at, sizeof ref.place);
  ref.home = at[4] & ((1 << EntryRef::kHomeBits) - 1);
  ref.mark = static_cast<uint8_t>(at[4] >> EntryRef::kHomeBits);
  return ref;
}

void FifoQueue::push(EntryRef ref) {
  static_assert(sizeof(Block) == 128);
  if (tail_ == nullptr || tail_->to == kRefsPerBlock) {
    auto* block = static_cast<Block*>(slab_->allocate(sizeof(Block)));
    block->next = nullptr;
    block->from = block->to = 0;
    (tail_ == nullptr ? head_ : tail_->next) = block;
    tail_ = block;
  }
  uint8_t* at = tail_->refs + size_t{tail_->to++} * kRefBytes;
  std::memcpy(at, &ref.place, sizeof ref.place);
  at[4] = static_cast<uint8_t>(ref.home | ref.mark << EntryRef::kHomeBits);
  ++size_;
}

bool FifoQueue::peek(EntryRef& ref) const {
  if (size_ == 0) return false;
  ref = read(head_->refs + size_t{head_->from} * kRefBytes);
  return true;
}

bool FifoQueue::pop(Candidate& candidate) {
  if (!peek(candidate.ref)) return false;
  candidate.from = this;
  --size_;
  if (seen_ahead_ > 0) --seen_ahead_;
  if (++head_->from < head_->to) return true;
  Block* empty = head_;
  head_ = empty->next;
  if (head_ == nullptr) tail_ = nullptr;
  slab_->release(empty, sizeof(Block));
  return true;
}

void FifoQueue::look_ahead(Upcoming& upcoming) {
  if (seen_ahead_ > Upcoming::kStep || size_ < seen_ahead_ + Upcoming::kStep) return;
  upcoming.known = std::exchange(seen_ahead_, seen_ahead_ + Upcoming::kStep);
  for (const Block* block = head_; upcoming.count < seen_ahead_; block = block->next) {
    for (unsigned i = block->from; i < block->to && upcoming.count < seen_ahead_; ++i) {
      upcoming.refs[upcoming.count++] = read(block->refs + size_t{i} * kRefBytes);
    }
  }
}

void FifoQueue::put_before(FifoQueue&& older) {
  if (older.size_ == 0) return;
  older.tail_->next = head_;
  if (tail_ == nullptr) tail_ = older.tail_;
  head_ = older.head_;
  size_ += older.size_;
  seen_ahead_ = older.seen_ahead_;
  older.head_ = older.tail_ = nullptr;
  older.size_ = older.seen_ahead_ = 0;
}

void FifoQueue::clear() {
  while (head_ != nullptr) {
    Block* next = head_->next;
    slab_->release(head_, sizeof(Block));
    head_ = next;
  }
  tail_ = nullptr;
  size_ = seen_ahead_ = 0;
}

}  // namespace larder
