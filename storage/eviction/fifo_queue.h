// A first-in-first-out queue of references to entries, five bytes each.
//
//   head -> block -> block -> ... -> tail     block: | next 8 B | from 1 B | to 1 B | 23 x 5 B |
//   reference: | table place 4 B | shard in the group 4 bits, mark 4 bits |
//
// A reference is only a hint, as in the expiry index: it names a place in a shard's table, and an
// entry found there belongs to it when the entry's stamp carries the same mark. So an entry may
// move in memory, and one that is removed costs nothing here: its reference is found dead when it
// comes to the head, or by the scrubbing of queues that hold too many dead ones.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace larder {

class Slab;

struct EntryRef {
  static constexpr unsigned kHomeBits = 4;
  static constexpr unsigned kMarkBits = 4;

  uint32_t place = 0;
  uint8_t home = 0;  // shard within its eviction group
  uint8_t mark = 0;
};

class FifoQueue;

// A reference taken from a queue, on its way to be judged.
struct Candidate {
  EntryRef ref;
  uint8_t queue = 0;  // the policy's own name for it
  uint32_t generation = 0;
  FifoQueue* from = nullptr;  // until the policy is asked again
};

// What a queue will give next, for prefetching.
struct Upcoming {
  static constexpr size_t kStep = 8;

  std::array<EntryRef, 2 * kStep> refs;  // the oldest first
  size_t count = 0;
  size_t known = 0;  // so many of them were given before
};

class FifoQueue {
 public:
  explicit FifoQueue(Slab& slab) : slab_(&slab) {}
  ~FifoQueue() { clear(); }
  FifoQueue(FifoQueue&& other) noexcept;
  FifoQueue& operator=(FifoQueue&& other) noexcept;

  void push(EntryRef ref);
  // Takes the oldest; false when empty.
  bool pop(Candidate& candidate);
  // Gives those that come next, or nothing: each reference twice, 8 to 16 before its turn and then
  // up to 8 before it. `upcoming` is empty at first.
  void look_ahead(Upcoming& upcoming);
  // Looks at the oldest; false when empty.
  bool peek(EntryRef& ref) const;
  // Puts all references of `older` before those here.
  void put_before(FifoQueue&& older);
  void clear();
  size_t size() const { return size_; }  // dead ones included

 private:
  static constexpr unsigned kRefBytes = 5;
  static constexpr unsigned kRefsPerBlock = 23;
  struct Block {
    Block* next;
    uint8_t from;
    uint8_t to;
    uint8_t refs[kRefsPerBlock * kRefBytes];
  };

  static EntryRef read(const uint8_t* at);

  Slab* slab_;
  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  size_t size_ = 0;
  size_t seen_ahead_ = 0;  // so many of the oldest
};

}  // namespace larder
