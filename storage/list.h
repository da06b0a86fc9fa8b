// The value of a list: a deque of linked blocks, see list_block.h.
//
//   head_ -> block <-> block <-> ... <-> block <- tail_
//
// A block holds up to `list-max-listpack-size` bytes or items; a larger item has a block of its
// own. The first block of a list is as small as its items and grows with them. Pushing, popping
// and reading at the ends cost O(1), reaching the item of an index a step over each block.
//
// Blocks in the middle of a long list are frozen (compressed) when that saves an eighth: most long
// lists are queues, where a block in the middle is not touched before it comes to an end. The
// `plain_ends` blocks at each end never are. A block that was changed in the middle stays plain.
//
// There is one form for small and big lists. Clients ask for two (OBJECT ENCODING), so the list
// remembers which of them Redis would have: a listpack up to the limit of one block, a quicklist
// beyond it, a listpack again at half the limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/bytes.h"
#include "storage/list_block.h"
#include "storage/object.h"
#include "storage/packed_value.h"

namespace larder {

// What one block may hold.
struct ListLimits {
  static constexpr size_t kNoItemLimit = std::numeric_limits<size_t>::max();

  static constexpr size_t kPlainEnds = 2;

  size_t bytes = 8192;  // of the whole block
  size_t items = kNoItemLimit;
  size_t plain_ends = kPlainEnds;  // blocks at each end that are never frozen, at least one

  size_t capacity() const { return bytes - ListBlock::kHeaderBytes; }
  // Of the option list-max-listpack-size: items when positive; -1 to -5 for 4, 8, 16, 32, 64 KiB.
  // `depth`: list-compress-depth; 0 is kPlainEnds.
  static ListLimits of_option(int64_t option, int64_t depth = 0);
};

class List final : public Object {
 public:
  // An item of the list; not valid() behind the ends. Valid until the list changes; its value only
  // until another is looked at.
  class Cursor {
   public:
    Cursor() = default;
    bool valid() const { return block_ != nullptr; }
    PackedValue value() const { return block_->plain()->value(place_); }
    // One item further towards an end.
    void step(ListEnd towards) {
      if (!block_->is_outermost(place_, towards)) {
        place_ = block_->plain()->step(place_, towards);
        return;
      }
      block_ = towards == ListEnd::tail ? block_->next : block_->prev;
      if (block_ != nullptr) place_ = block_->plain()->outermost(opposite(towards));
    }

   private:
    friend class List;
    Cursor(ListBlock* block, ListBlock::Place place) : block_(block), place_(place) {}
    ListBlock* block_ = nullptr;
    ListBlock::Place place_;
  };

  explicit List(Slab& slab) : Object(slab) {}

  size_t size() const { return size_; }
  bool is_quicklist() const { return quicklist_; }

  // Whole blocks, for those who write the list down; null when it is empty.
  const ListBlock* first_block() const { return head_; }

  // The outermost item at an end.
  Cursor outermost(ListEnd end) const;
  // Index from the head; not valid behind the tail. Cost: a step over each block.
  Cursor at(size_t index) const;

  // The new value must not be a view into this list.
  void push(ListEnd end, Bytes value, const ListLimits& limits);
  void pop(ListEnd end);
  // Puts an item on one side of another.
  void insert(Cursor at, ListEnd side, Bytes value, const ListLimits& limits);
  void set(Cursor at, Bytes value, const ListLimits& limits);
  // Returns the next item towards `towards`.
  Cursor erase(Cursor at, ListEnd towards);
  // Removes `count` items at an end. Cost: a step over each block.
  void drop(ListEnd end, size_t count);
  // After many were erased: joins neighbours that fit into one block.
  void join_blocks(const ListLimits& limits);

  // Gives up the room for more items of a list of one block: what is made by one command mostly
  // stays as it is.
  void fit();

  // Redis's choice between its two forms. To be called before items of `bytes` together are
  // added, and after any were removed or replaced.
  void note_growth(const ListLimits& limits, size_t bytes, size_t items);
  void note_shrinkage(const ListLimits& limits);

  size_t elements() const override { return size_; }
  size_t memory_bytes() const override;
  Object* clone(Slab& slab) const override;
  void destroy() override;
  void validate() const override;

 private:
  ListBlock*& end_block(ListEnd end) { return end == ListEnd::head ? head_ : tail_; }
  ListBlock* end_block(ListEnd end) const { return end == ListEnd::head ? head_ : tail_; }
  // Puts a block on one side of another, or into an empty list.
  void link(ListBlock* block, ListBlock* beside, ListEnd side);
  void unlink(ListBlock* block);
  // Puts another block, of the same items, in a block's place.
  void replace(ListBlock* block, ListBlock* other);
  // The same cursor, in a block that may be changed.
  Cursor to_change(Cursor at);
  // Freezes the block that has come away from an end.
  void freeze_behind(ListEnd end, const ListLimits& limits);
  void thaw_ends();
  // Puts a copy of another size in a block's place.
  ListBlock* resize(ListBlock* block, size_t capacity, ListBlock::Place* place = nullptr);
  ListBlock* make_block(const PackedValue& first, ListEnd grows_at, const ListLimits& limits);
  // Adds to a block's end, making room if the block may have it.
  bool push_into(ListBlock*& block, ListEnd end, const PackedValue& value,
                 const ListLimits& limits);
  Cursor insert_value(Cursor at, ListEnd side, const PackedValue& value, const ListLimits& limits);
  Cursor insert_between(Cursor at, ListEnd side, const PackedValue& value,
                        const ListLimits& limits);
  void split_behind(Cursor at, ListEnd side);
  ListBlock* join_with_next(ListBlock* block);
  void shrink_if_sparse();
  size_t packed_bytes() const;

  ListBlock* head_ = nullptr;
  ListBlock* tail_ = nullptr;
  size_t size_ = 0;
  bool quicklist_ = false;
};

}  // namespace larder
