#include "storage/list.h"

#include <algorithm>

namespace larder {
namespace {

// Blocks of at least this size are cut back when they are the last of a list and mostly empty.
constexpr size_t kSparseBytesMin = 256;
// A listpack's own bytes, as Redis counts them, and those of an item beside its head and body.
constexpr size_t kListpackBytes = 7;
constexpr size_t kListpackItemBytes = 1;

bool may_hold(const ListBlock& block, size_t bytes, const ListLimits& limits) {
  return block.count() < limits.items && block.used_bytes() + bytes <= limits.capacity();
}

// Room for more items in a block that has none left.
size_t grown_capacity(const ListBlock& block, size_t bytes, const ListLimits& limits) {
  const size_t wanted = std::max(block.used_bytes() + bytes, block.capacity() / 2 * 3);
  return std::min(wanted, limits.capacity());
}

}  // namespace

ListLimits ListLimits::of_option(int64_t option, int64_t depth) {
  constexpr size_t kSizes[] = {4096, 8192, 16384, 32768, 65536};
  const size_t plain_ends = depth > 0 ? static_cast<size_t>(depth) : kPlainEnds;
  if (option >= 0) return {8192, static_cast<size_t>(std::max<int64_t>(option, 1)), plain_ends};
  return {kSizes[std::min<int64_t>(-(option + 1), 4)], kNoItemLimit, plain_ends};
}

List::Cursor List::outermost(ListEnd end) const {
  ListBlock* block = end_block(end);
  return block == nullptr ? Cursor{} : Cursor{block, block->outermost(end)};
}

List::Cursor List::at(size_t index) const {
  if (index >= size_) return {};
  if (index < size_ / 2) {
    ListBlock* block = head_;
    for (; index >= block->count(); block = block->next) index -= block->count();
    return {block, block->plain()->place(index)};
  }
  size_t from_tail = size_ - 1 - index;
  ListBlock* block = tail_;
  for (; from_tail >= block->count(); block = block->prev) from_tail -= block->count();
  return {block, block->plain()->place(block->count() - 1 - from_tail)};
}

void List::push(ListEnd end, Bytes bytes, const ListLimits& limits) {
  const PackedValue value = PackedValue::of(bytes);
  ListBlock* block = end_block(end);
  ++size_;
  if (block != nullptr && block->count() < limits.items && block->try_push(end, value)) return;
  if (block != nullptr && push_into(block, end, value, limits)) return;
  link(make_block(value, end, limits), block, end);
  freeze_behind(end, limits);
}

void List::freeze_behind(ListEnd end, const ListLimits& limits) {
  constexpr size_t kDepthMax = 64;  // further in, looking for the block costs too much
  if (limits.plain_ends > kDepthMax) return;
  const auto inner = [end](const ListBlock* block) {
    return end == ListEnd::head ? block->next : block->prev;
  };
  ListBlock* block = end_block(end);
  for (size_t i = 0; i < limits.plain_ends && block != nullptr; ++i) block = inner(block);
  const ListBlock* other = block;  // as many must follow
  for (size_t i = 0; i < limits.plain_ends && other != nullptr; ++i) other = inner(other);
  if (other == nullptr || block->is_frozen()) return;
  if (ListBlock* frozen = block->frozen(slab())) replace(block, frozen);
}

void List::thaw_ends() {
  for (ListBlock* block : {head_, tail_}) {
    if (block != nullptr && block->is_frozen()) replace(block, block->thawed(slab()));
    if (head_ == tail_) return;
  }
}

List::Cursor List::to_change(Cursor at) {
  if (!at.block_->is_frozen()) return at;
  ListBlock* plain = at.block_->thawed(slab());
  at.place_ = plain->same_place(*at.block_, at.place_);
  replace(at.block_, plain);
  at.block_ = plain;
  return at;
}

void List::replace(ListBlock* block, ListBlock* other) {
  link(other, block, ListEnd::tail);
  unlink(block);
}

// The first block is made to measure; a later one starts with a quarter of its neighbour.
ListBlock* List::make_block(const PackedValue& first, ListEnd grows_at, const ListLimits& limits) {
  const ListBlock* neighbour = end_block(grows_at);
  const size_t bytes = ListBlock::bytes_of(first);
  const size_t start =
      neighbour == nullptr ? 0 : std::min(limits.capacity(), neighbour->used_bytes() / 4);
  ListBlock* block = ListBlock::make(slab(), std::max(bytes, start), grows_at);
  const bool fits = block->try_push(grows_at, first);
  CHECK(fits);
  return block;
}

bool List::push_into(ListBlock*& block, ListEnd end, const PackedValue& value,
                     const ListLimits& limits) {
  const size_t bytes = ListBlock::bytes_of(value);
  if (block->is_frozen() || !may_hold(*block, bytes, limits)) return false;
  if (block->try_push(end, value)) return true;
  if (block->grows_at() != end) return false;
  const size_t room = block->capacity() - block->used_bytes();
  if (room >= bytes && room >= block->capacity() / 4) {
    block->compact();
  } else if (block->capacity() < limits.capacity()) {
    block = resize(block, grown_capacity(*block, bytes, limits));
  }
  return block->try_push(end, value);
}

void List::pop(ListEnd end) {
  ListBlock* block = end_block(end);
  block->pop(end);
  --size_;
  if (block->count() == 0) {
    unlink(block);
    return thaw_ends();
  }
  if (head_ == tail_) shrink_if_sparse();
}

void List::drop(ListEnd end, size_t count) {
  size_ -= count;
  while (count > 0) {
    ListBlock* block = end_block(end);
    if (count >= block->count()) {
      count -= block->count();
      unlink(block);
      continue;
    }
    thaw_ends();
    block = end_block(end);
    for (; count > 0; --count) block->pop(end);
  }
  thaw_ends();
  if (head_ == tail_) shrink_if_sparse();
}

void List::shrink_if_sparse() {
  if (head_ == nullptr || head_->capacity() < kSparseBytesMin) return;
  if (head_->used_bytes() < head_->capacity() / 4) resize(head_, head_->used_bytes() * 2);
}

void List::fit() {
  if (head_ != nullptr && head_ == tail_) resize(head_, head_->used_bytes());
}

void List::link(ListBlock* block, ListBlock* beside, ListEnd side) {
  if (beside == nullptr) {
    head_ = tail_ = block;
    return;
  }
  block->prev = side == ListEnd::head ? beside->prev : beside;
  block->next = side == ListEnd::head ? beside : beside->next;
  (block->prev != nullptr ? block->prev->next : head_) = block;
  (block->next != nullptr ? block->next->prev : tail_) = block;
}

void List::unlink(ListBlock* block) {
  (block->prev != nullptr ? block->prev->next : head_) = block->next;
  (block->next != nullptr ? block->next->prev : tail_) = block->prev;
  block->release(slab());
}

ListBlock* List::resize(ListBlock* block, size_t capacity, ListBlock::Place* place) {
  ListBlock* copy = block->copy(slab(), capacity);
  if (place != nullptr) *place = copy->same_place(*block, *place);
  replace(block, copy);
  return copy;
}

void List::insert(Cursor at, ListEnd side, Bytes value, const ListLimits& limits) {
  insert_value(at, side, PackedValue::of(value), limits);
}

List::Cursor List::insert_value(Cursor at, ListEnd side, const PackedValue& value,
                                const ListLimits& limits) {
  ++size_;
  at = to_change(at);
  const size_t bytes = ListBlock::bytes_of(value);
  if (!may_hold(*at.block_, bytes, limits)) return insert_between(at, side, value, limits);
  if (!at.block_->try_insert(at.place_, side, value)) {
    at.block_ = resize(at.block_, grown_capacity(*at.block_, bytes, limits), &at.place_);
    const bool fits = at.block_->try_insert(at.place_, side, value);
    CHECK(fits);
  }
  return at;
}

// The block is full: it is split where the item belongs, which then goes to an end of a part, or
// between them when it fits into none.
List::Cursor List::insert_between(Cursor at, ListEnd side, const PackedValue& value,
                                  const ListLimits& limits) {
  ListBlock* block = at.block_;
  if (!block->is_outermost(at.place_, side)) split_behind(at, side);
  if (push_into(block, side, value, limits)) return {block, block->outermost(side)};
  ListBlock* neighbour = side == ListEnd::head ? block->prev : block->next;
  if (neighbour == nullptr || !push_into(neighbour, opposite(side), value, limits)) {
    neighbour = make_block(value, side, limits);
    link(neighbour, block, side);
  }
  return {neighbour, neighbour->outermost(opposite(side))};
}

// Moves the items on one side of `at` into a block of their own.
void List::split_behind(Cursor at, ListEnd side) {
  ListBlock* block = at.block_;
  ListBlock* part = ListBlock::make(slab(), block->used_bytes(), side);
  ListBlock::Place place = at.place_;
  while (!block->is_outermost(place, side)) {
    place = block->step(place, side);
    const bool fits = part->try_push(side, block->value(place));
    CHECK(fits);
  }
  for (size_t moved = part->count(); moved > 0; --moved) block->pop(side);
  link(part, block, side);
}

void List::set(Cursor at, Bytes bytes, const ListLimits& limits) {
  const PackedValue value = PackedValue::of(bytes);
  const bool fits = ListBlock::bytes_of(value) <= limits.capacity();
  at = to_change(at);
  if (fits && at.block_->try_replace(at.place_, value)) return;
  Cursor old = insert_value(at, ListEnd::head, value, limits);
  old.step(ListEnd::tail);
  erase(old, ListEnd::tail);
}

List::Cursor List::erase(Cursor at, ListEnd towards) {
  --size_;
  at = to_change(at);
  if (at.block_->is_outermost(at.place_, towards)) {
    Cursor next = at;
    next.step(towards);
    at.block_->erase(at.place_);
    if (at.block_->count() > 0) return next;
    unlink(at.block_);
    const bool at_end = next.valid() && (next.block_ == head_ || next.block_ == tail_);
    if (at_end) next = to_change(next);
    thaw_ends();  // the neighbour on the other side
    return next;
  }
  at.place_ = at.block_->erase_and_step(at.place_, towards);
  return at;
}

void List::join_blocks(const ListLimits& limits) {
  ListBlock* block = head_;
  while (block != nullptr && block->next != nullptr) {
    const bool plain = !block->is_frozen() && !block->next->is_frozen();
    const bool join = plain &&
                      block->used_bytes() + block->next->used_bytes() <= limits.capacity() / 2 &&
                      block->count() + block->next->count() <= limits.items;
    block = join ? join_with_next(block) : block->next;
  }
  if (head_ == tail_) shrink_if_sparse();
}

ListBlock* List::join_with_next(ListBlock* block) {
  ListBlock* joined =
      ListBlock::make(slab(), block->used_bytes() + block->next->used_bytes(), ListEnd::tail);
  for (const ListBlock* part : {block, block->next}) {
    ListBlock::Place place = part->outermost(ListEnd::head);
    for (size_t left = part->count(); left > 0; --left) {
      const bool fits = joined->try_push(ListEnd::tail, part->value(place));
      CHECK(fits);
      if (left > 1) place = part->step(place, ListEnd::tail);
    }
  }
  unlink(block->next);
  link(joined, block, ListEnd::tail);
  unlink(block);
  return joined;
}

// About what Redis's listpack would take. Exact for short strings.
size_t List::packed_bytes() const {
  size_t bytes = kListpackBytes;
  for (const ListBlock* block = head_; block != nullptr; block = block->next) {
    bytes += block->used_bytes() + kListpackItemBytes * block->count();
  }
  return bytes;
}

void List::note_growth(const ListLimits& limits, size_t bytes, size_t items) {
  if (quicklist_) return;
  quicklist_ = packed_bytes() + bytes > limits.bytes || size_ + items > limits.items;
}

void List::note_shrinkage(const ListLimits& limits) {
  if (!quicklist_) return;
  const bool few_blocks = head_ == tail_ || head_->next == tail_;
  if (!few_blocks) return;
  quicklist_ = limits.items == ListLimits::kNoItemLimit ? packed_bytes() > limits.bytes / 2
                                                        : size_ > limits.items / 2;
}

size_t List::memory_bytes() const {
  size_t bytes = Slab::usable(sizeof(List));
  for (const ListBlock* block = head_; block != nullptr; block = block->next) {
    bytes += block->memory_bytes();
  }
  return bytes;
}

Object* List::clone(Slab& slab) const {
  List* copy = make_object<List>(slab);
  for (const ListBlock* block = head_; block != nullptr; block = block->next) {
    copy->link(block->copy(slab, block->capacity()), copy->tail_, ListEnd::tail);
  }
  copy->size_ = size_;
  copy->quicklist_ = quicklist_;
  return copy;
}

void List::destroy() {
  while (head_ != nullptr) unlink(head_);
  destroy_as(this);
}

void List::validate() const {
  size_t items = 0;
  const ListBlock* before = nullptr;
  for (const ListBlock* block = head_; block != nullptr; block = block->next) {
    CHECK(block->prev == before);
    block->validate();
    items += block->count();
    before = block;
  }
  CHECK(before == tail_);
  CHECK(items == size_);
  CHECK(head_ == nullptr || !(head_->is_frozen() || tail_->is_frozen()));
}

}  // namespace larder
