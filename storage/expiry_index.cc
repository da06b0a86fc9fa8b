#include "storage/expiry_index.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/check.h"
#include "storage/slab.h"

namespace larder {

ExpiryIndex::ExpiryIndex(Slab& slab, int64_t now_ms)
    : slab_(slab), tick_((now_ms >> kTickBits) + 1) {
  static_assert(sizeof(Block) == 256);
}

ExpiryIndex::~ExpiryIndex() {
  for (Level& level : levels_) {
    for (Block* block : level) free_chain(block);
  }
  free_chain(due_);
}

void ExpiryIndex::abandon() {
  levels_ = {};
  taken_ = {};
  due_ = nullptr;
  size_ = 0;
}

void ExpiryIndex::free_chain(Block* block) {
  while (block != nullptr) {
    Block* next = block->next;
    slab_.release(block, sizeof(Block));
    block = next;
  }
}

void ExpiryIndex::push(Block*& head, uint32_t place) {
  if (head == nullptr || head->count == kRefsPerBlock) {
    auto* block = static_cast<Block*>(slab_.allocate(sizeof(Block)));
    block->next = head;
    block->count = 0;
    head = block;
  }
  head->refs[head->count++] = place;
}

void ExpiryIndex::add(uint32_t place, int64_t expiry_ms) {
  // The tick after the expiry: when it starts, the time has passed.
  int64_t due = std::max((expiry_ms >> kTickBits) + 1, tick_);
  constexpr int64_t kHorizon = (int64_t{1} << (kSlotBits * kLevels)) - (1 << kSlotBits);
  due = std::min(due, tick_ + kHorizon);
  const int64_t distance = due - tick_;
  unsigned level = 0;
  while (level + 1 < kLevels && distance >> (kSlotBits * (level + 1)) != 0) ++level;
  const auto slot = static_cast<unsigned>(due >> (kSlotBits * level)) & (kSlots - 1);
  push(levels_[level][slot], place);
  taken_[level] |= uint64_t{1} << slot;
  ++size_;
}

// Moves a slot's references to the end of what is due.
void ExpiryIndex::queue_slot(unsigned level, unsigned slot) {
  Block* chain = levels_[level][slot];
  if (chain == nullptr) return;
  levels_[level][slot] = nullptr;
  taken_[level] &= ~(uint64_t{1} << slot);
  Block** end = &due_;
  while (*end != nullptr) end = &(*end)->next;
  *end = chain;
}

// Queues what belongs to tick_, coarser levels included when their slot begins, and goes on.
void ExpiryIndex::start_tick() {
  for (unsigned level = 0; level < kLevels; ++level) {
    const unsigned shift = kSlotBits * level;
    if (level > 0 && (tick_ & ((int64_t{1} << shift) - 1)) != 0) break;
    queue_slot(level, static_cast<unsigned>(tick_ >> shift) & (kSlots - 1));
  }
  ++tick_;
}

uint32_t ExpiryIndex::pop(Block*& head) {
  const uint32_t place = head->refs[--head->count];
  --size_;
  if (head->count == 0) {
    Block* empty = head;
    head = head->next;
    slab_.release(empty, sizeof(Block));
  }
  return place;
}

bool ExpiryIndex::take(int64_t now_ms, uint32_t& place) {
  const int64_t now_tick = now_ms >> kTickBits;
  while (due_ == nullptr) {
    if (tick_ > now_tick) return false;
    // Nothing lies between: a clock that was put forward by years must not be walked after.
    tick_ = std::max(tick_, std::min(next_tick(), now_tick + 1));
    if (tick_ > now_tick) return false;
    start_tick();
  }
  place = pop(due_);
  return true;
}

bool ExpiryIndex::peek_random(uint64_t random, uint32_t& place) const {
  if (size_ == 0) return false;
  const auto start = static_cast<unsigned>(random % (kLevels * kSlots));
  for (unsigned i = 0; i < kLevels * kSlots; ++i) {
    const unsigned at = (start + i) % (kLevels * kSlots);
    const Block* block = levels_[at / kSlots][at % kSlots];
    if (block == nullptr) continue;
    for (unsigned hops = (random >> 16) & 15; hops > 0 && block->next != nullptr; --hops) {
      block = block->next;
    }
    place = block->refs[(random >> 32) % block->count];
    return true;
  }
  if (due_ == nullptr) return false;
  place = due_->refs[(random >> 32) % due_->count];
  return true;
}

int64_t ExpiryIndex::next_ms() const {
  constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  if (due_ != nullptr) return 0;
  return size_ == 0 ? kNever : next_tick() << kTickBits;
}

// The next slot taken on each level, seen from where that level stands; the earliest counts.
int64_t ExpiryIndex::next_tick() const {
  int64_t best = std::numeric_limits<int64_t>::max();
  for (unsigned level = 0; level < kLevels; ++level) {
    if (taken_[level] == 0) continue;
    const unsigned shift = kSlotBits * level;
    const int64_t step = (int64_t{1} << shift) - 1;
    const int64_t first = (tick_ + step) >> shift;  // the next slot of this level to begin
    const int distance =
        std::countr_zero(std::rotr(taken_[level], static_cast<int>(first & (kSlots - 1))));
    best = std::min(best, (first + distance) << shift);
  }
  return best;
}

}  // namespace larder
