// Which keys expire when: a hierarchical timing wheel whose references are four bytes.
//
//   level 0   64 slots of 16 ms          about a second
//   level 1   64 slots of about a second
//   level 2   64 slots of about a minute
//   level 3   64 slots of about 70 minutes
//   level 4   64 slots of about 3 days   later times wait in the last slot and are put back
//
//   slot -> block -> block -> ...        block: | next 8 B | count 4 B | 61 references of 4 B |
//
// A reference is only the table place of a key (32 bits of its hash). It is a hint: when its slot
// comes, the keyspace looks which of the keys there are due, and puts a reference back for one
// that is not due yet. So a key that is removed, or whose expiry moves to a later time, costs
// nothing here; its reference dies when it fires. The keyspace marks entries that have a reference
// at or before their expiry (Entry::kTimed) and adds one only when there is none.
//
// Dead references are bounded: when they outnumber the living the keyspace starts a second index,
// fills it from a walk over its table, and drops the first (see Keyspace::rebuild_step).
// Source: G. Varghese, T. Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace larder {

class Slab;

class ExpiryIndex {
 public:
  ExpiryIndex(Slab& slab, int64_t now_ms);
  ~ExpiryIndex();
  ExpiryIndex(const ExpiryIndex&) = delete;
  ExpiryIndex& operator=(const ExpiryIndex&) = delete;

  void add(uint32_t place, int64_t expiry_ms);
  // A reference that take() returns next.
  void add_due(uint32_t place) {
    push(due_, place);
    ++size_;
  }

  // Takes the next reference whose time has come or whose slot moves to a finer level.
  // Returns false when there is none up to `now_ms`.
  bool take(int64_t now_ms, uint32_t& place);

  // Any reference, chosen by 64 random bits; false when empty.
  bool peek_random(uint64_t random, uint32_t& place) const;

  size_t size() const { return size_; }
  // Everything up to this time has been taken or waits to be.
  int64_t now_ms() const { return (tick_ - 1) << kTickBits; }
  // Lower bound of the next time take() can return something; INT64_MAX when empty.
  int64_t next_ms() const;
  // The slab is dropped as a whole: forget the blocks instead of releasing them.
  void abandon();

 private:
  static constexpr unsigned kLevels = 5;
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1 << kSlotBits;
  static constexpr unsigned kTickBits = 4;  // a tick is 16 ms
  static constexpr unsigned kRefsPerBlock = 61;

  struct Block {
    Block* next;
    uint32_t count;
    uint32_t refs[kRefsPerBlock];
  };
  using Level = std::array<Block*, kSlots>;

  void push(Block*& head, uint32_t place);
  int64_t next_tick() const;
  void start_tick();
  uint32_t pop(Block*& head);
  void queue_slot(unsigned level, unsigned slot);
  void free_chain(Block* block);

  Slab& slab_;
  std::array<Level, kLevels> levels_{};
  std::array<uint64_t, kLevels> taken_{};  // bit s: slot s holds something
  Block* due_ = nullptr;                   // being taken
  int64_t tick_;                           // everything before it has been moved to due_
  size_t size_ = 0;
};

}  // namespace larder
