// A run of consecutive items of a list, in one allocation. It is read from both ends, grows at one
// of them and shrinks at either, and none of that moves bytes.
//
//   | header 40 B | room | heads -> | free | <- bodies | room |
//
//   head 0x00..0x7f   a string of that many bytes
//        0x80..0xef   an integer, 0 to 111; no body
//        0xf0..0xf5   an integer of 1, 2, 3, 4, 6 or 8 bytes, little endian
//        0xf8         a string; its length, 2 bytes, stands before and behind it
//        0xf9         the same with 4 bytes
//
// Heads and bodies stand apart so that a head is all it takes to step over a body in either
// direction: an item costs one byte beside its own. Items stand in the order in which they were
// added: the oldest has the leftmost head and the rightmost body. A block that grows at the list's
// head thus holds the list's order backwards. Taking out the oldest leaves room at the outer ends,
// where an item can be put back.
//
// A block that nobody is near may be frozen: its header stays as it is, and behind it stand the
// heads and bodies, without room, compressed:
//
//   | header 40 B | number of this content 8 B | LZF |
//
// It is read through a copy of its plain form that each thread has of the block it read last, and
// thawed before it is changed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"
#include "storage/packed_value.h"
#include "storage/slab.h"

namespace larder {

// The ends of a list.
enum class ListEnd : uint8_t { head, tail };
constexpr ListEnd opposite(ListEnd end) {
  return end == ListEnd::head ? ListEnd::tail : ListEnd::head;
}

class ListBlock {
 public:
  // An item of the block. Valid until the block changes.
  struct Place {
    uint32_t index = 0;  // 0 is the oldest
    uint32_t body = 0;   // offset where its body starts
  };
  static constexpr size_t kHeaderBytes = 40;

  // An empty block with room for `capacity` bytes of heads and bodies, or a little more.
  static ListBlock* make(Slab& slab, size_t capacity, ListEnd grows_at);
  // A copy with all free room in the middle; `capacity` is at least used_bytes().
  ListBlock* copy(Slab& slab, size_t capacity) const;
  // Where the item at `place` of `old` stands in this, a copy of it.
  Place same_place(const ListBlock& old, Place place) const {
    return {place.index, bodies_end_ - (old.bodies_end_ - place.body)};
  }
  void release(Slab& slab) { slab.release(this, bytes()); }

  // The same items compressed; null when that saves less than an eighth.
  ListBlock* frozen(Slab& slab) const;
  bool is_frozen() const { return frozen_bytes_ != 0; }
  // Of a frozen block: a plain copy.
  ListBlock* thawed(Slab& slab) const;
  // This block, or a plain copy of a frozen one, valid until this thread reads another that is
  // frozen. A frozen block itself knows no more than its counts, sizes and neighbours.
  const ListBlock* plain() const { return is_frozen() ? thawed_for_reading() : this; }

  // Bytes of heads and bodies that `value` takes.
  static size_t bytes_of(const PackedValue& value) { return 1 + body_bytes(value); }

  size_t count() const { return heads_end_ - heads_begin_; }
  size_t capacity() const { return capacity_; }
  size_t used_bytes() const { return count() + bodies_end_ - bodies_begin_; }
  ListEnd grows_at() const { return grows_at_; }
  size_t memory_bytes() const { return Slab::usable(bytes()); }

  // The outermost item at an end of the block, which is not empty.
  Place outermost(ListEnd end) const { return end == grows_at_ ? newest() : oldest(); }
  bool is_outermost(Place place, ListEnd end) const {
    return place.index == (end == grows_at_ ? count() - 1 : 0);
  }
  // The neighbour on that side, which must be there.
  Place step(Place place, ListEnd towards) const {
    return towards == grows_at_ ? newer(place) : older(place);
  }
  // The item `index` steps from the list's head. Cost: O(N).
  Place place(size_t index) const;
  PackedValue value(Place place) const;

  // Adds an item at an end; false when there is no room.
  bool try_push(ListEnd end, const PackedValue& value) {
    return end == grows_at_ ? try_append(value) : try_prepend(value);
  }
  void pop(ListEnd end) { end == grows_at_ ? drop_newest() : drop_oldest(); }
  // Adds an item beside another, on the given side of it; false when there is no room. Returns
  // the new item's place in `place`. Cost: moves up to all bytes.
  bool try_insert(Place& place, ListEnd side, const PackedValue& value);
  // False when there is no room for the new value.
  bool try_replace(Place place, const PackedValue& value);
  void erase(Place place);
  // The same; returns the neighbour on that side, which must be there.
  Place erase_and_step(Place place, ListEnd towards);
  // Moves the room at the outer ends to the middle.
  void compact();
  void validate() const;

  ListBlock* prev = nullptr;  // towards the list's head
  ListBlock* next = nullptr;

 private:
  static constexpr uint8_t kStringMax = 0x7f;
  static constexpr uint8_t kTiny = 0x80;
  static constexpr int64_t kTinyMax = 111;
  static constexpr uint8_t kInteger = 0xf0;
  static constexpr uint8_t kString16 = 0xf8;
  static constexpr uint8_t kString32 = 0xf9;

  ListBlock(uint32_t capacity, ListEnd grows_at)
      : capacity_(capacity), bodies_begin_(capacity), bodies_end_(capacity), grows_at_(grows_at) {}

  static uint8_t head_of(const PackedValue& value);
  static size_t body_bytes(const PackedValue& value);
  static void write_body(char* to, const PackedValue& value);

  char* data() { return reinterpret_cast<char*>(this) + kHeaderBytes; }
  const char* data() const { return reinterpret_cast<const char*>(this) + kHeaderBytes; }
  uint8_t head(uint32_t index) const { return static_cast<uint8_t>(data()[heads_begin_ + index]); }
  // Length of a body whose start (end) is known.
  uint32_t bytes_from(uint8_t head, uint32_t begin) const {
    return head <= kStringMax ? head : other_bytes(head, data() + begin, 0);
  }
  uint32_t bytes_until(uint8_t head, uint32_t end) const {
    return head <= kStringMax ? head : other_bytes(head, data() + end, 1);
  }
  // Of anything but a short string; `lengths_back` is 1 when `at` is the body's end.
  static uint32_t other_bytes(uint8_t head, const char* at, unsigned lengths_back);

  Place oldest() const { return {0, bodies_end_ - bytes_until(head(0), bodies_end_)}; }
  Place newest() const { return {heads_end_ - heads_begin_ - 1, bodies_begin_}; }
  Place older(Place place) const {
    return {place.index - 1, place.body + bytes_from(head(place.index), place.body)};
  }
  Place newer(Place place) const {
    const uint32_t index = place.index + 1;
    return {index, place.body - bytes_until(head(index), place.body)};
  }

  size_t bytes() const { return kHeaderBytes + (is_frozen() ? frozen_bytes_ : capacity_); }
  const ListBlock* thawed_for_reading() const;
  // Of a frozen block: writes its heads and bodies.
  void thaw_to(char* data) const;
  size_t free_bytes() const { return bodies_begin_ - heads_end_; }
  bool try_append(const PackedValue& value);
  bool try_prepend(const PackedValue& value);
  // Makes room for an item older than the one at `place`, or behind all. There must be some.
  void insert_at(uint32_t index, uint32_t body_end, const PackedValue& value);
  void drop_newest() {
    const Place place = newest();
    bodies_begin_ += bytes_from(head(place.index), place.body);
    --heads_end_;
  }
  void drop_oldest() {
    bodies_end_ -= bytes_until(head(0), bodies_end_);
    ++heads_begin_;
  }

  uint32_t capacity_;
  uint32_t heads_begin_ = 0;
  uint32_t heads_end_ = 0;
  uint32_t bodies_begin_;
  uint32_t bodies_end_;
  ListEnd grows_at_;
  uint16_t frozen_bytes_ = 0;  // behind the header; 0: the block is plain
};

}  // namespace larder
