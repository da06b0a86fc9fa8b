// The hash table of a keyspace, and of big sets and hashes: extendible hashing
// with fixed segments, so that it grows and shrinks a few hundred entries at a
// time and never holds two copies of itself. A node is an Entry or an Element:
// anything that has a key.
//
//   directory (2^depth pointers) -> segments -> buckets of one cache line -> 8 slots
//
//   slot:  | tag 16 | pointer to the entry, 8-aligned: bits 47..3 | 2 | 1 | 0 |
//     bit 0  displaced: the entry's home is the bucket before this one
//     bit 1  of slot 0: a key whose home is this bucket lives in the next one
//            of slot 1: a key whose home is this bucket lives in the segment's stash
//
// A key has a home bucket. When that is full it goes to the next one, after moving a neighbour out
// of the way if need be, then to the stash of the segment; when nothing is left the segment is
// split by one more bit of the hash. A miss reads one cache line unless the home bucket has
// overflowed. Idea: B. Lu et al., "Dash: Scalable Hashing on Persistent Memory", VLDB 2020.
//
// Where a key goes is decided by 32 bits of its hash (`place`):
//     bits 31..14 directory, bits 13..0 bucket (range reduction, so the bucket count is free)
// Tables of different shards use different bucket counts: if all split at the same fill, the
// memory per key of the whole store would swing by a factor of two; spread over the doubling it
// stays flat.
//
// The table of a set or hash begins with one bucket and no stash. While it has a single segment,
// that is replaced by one of the next size instead of being split, and by a smaller one when it
// gets empty: a hash of a few long values takes some hundred bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "base/bytes.h"

namespace larder {

class Element;
class Entry;
class Slab;

// The part of a key's hash that the table uses.
struct HashPlace {
  uint32_t place = 0;
  uint16_t tag = 0;
};

template <typename Node>
class BasicTable {
 public:
  static constexpr unsigned kSlotsPerBucket = 8;
  static constexpr unsigned kBucketsMin = 64;
  static constexpr unsigned kBucketsMax = 127;
  static constexpr unsigned kStashBuckets = 4;
  static constexpr unsigned kDepthMax = 18;
  // Bucket counts of a table that starts small, and of its segments once it has several. Each
  // divides the last, so that a scan's position means the same in all of them.
  static constexpr unsigned kSmallBuckets[7] = {1, 2, 4, 8, 18, 36, 72};
  static constexpr unsigned kStartSmall = 0;

  using Slot = uint64_t;

  // `buckets` per segment, kBucketsMin to kBucketsMax, or kStartSmall. Memory comes from `slab`, or
  // from malloc when that is null.
  BasicTable(unsigned buckets, unsigned shard_bits, Slab* slab);
  ~BasicTable();
  BasicTable(const BasicTable&) = delete;
  BasicTable& operator=(const BasicTable&) = delete;

  static HashPlace place_of(const Node* node, unsigned shard_bits);

  static HashPlace place_of_hash(uint64_t hash, unsigned shard_bits) {
    const auto place = static_cast<uint32_t>((hash << shard_bits) >> 32);
    // The low bits of the place are part of the tag, so that an expiry reference, which has only
    // the place, can tell most neighbours apart.
    return {place, static_cast<uint16_t>((hash & 0xff80) | (place & kPlaceTagMask))};
  }
  static constexpr uint16_t kPlaceTagMask = 0x7f;

  // The slot of `key`, or null. Valid until the table is changed.
  Slot* find(HashPlace where, Bytes key);
  static Node* entry_of(Slot slot) { return reinterpret_cast<Node*>(slot & kPointerMask); }
  // The entry moved in memory; key and hash are the same.
  static void replace(Slot* slot, Node* entry);

  // Adds an entry whose key is not in the table.
  void insert(HashPlace where, Node* entry);
  // Empties a slot. May merge segments: no slot is valid afterwards.
  void erase(HashPlace where, Slot* slot);

  // Calls visit(entry) for each entry that shares `place`'s home bucket and its tag bits.
  template <typename Visit>
  void each_candidate(uint32_t place, Visit visit);

  // Scanning. A cursor is a position in hash order; 0 starts and ends. Every entry that is in the
  // table for the whole scan is visited at least once, however the table grows or shrinks.
  // Visits one home bucket and returns the next cursor.
  template <typename Visit>
  uint64_t scan(uint64_t cursor, Visit visit);

  // The same in steps of a whole segment, up to some thousand entries, and without a repetition: a
  // walk that has seen a part of a segment which merged meanwhile visits only the rest.
  template <typename Visit>
  uint64_t scan_segment(uint64_t cursor, Visit visit);

  // Some entry, each equally likely; null when empty. `random` is 64 random bits.
  Node* sample(uint64_t random);

  HashPlace place(uint64_t hash) const { return place_of_hash(hash, shard_bits_); }

  void prefetch_bucket(HashPlace where) const { __builtin_prefetch(&home_bucket(where)); }
  // Reads the home bucket: call it some time after prefetch_bucket.
  void prefetch_entry(HashPlace where) const;

  size_t size() const { return size_; }
  // Segments and directory, as the allocator gave them.
  size_t memory_bytes() const { return memory_bytes_; }
  size_t slot_count() const { return segments_ * all_buckets() * kSlotsPerBucket; }
  size_t segment_count() const { return segments_; }
  // Walks every invariant; ends the process on the first that is broken. For tests.
  void validate() const;

 private:
  static constexpr uint64_t kPointerMask = 0x0000'ffff'ffff'fff8;
  static constexpr uint64_t kDisplaced = 1;
  static constexpr uint64_t kOverflow = 2;  // slot 0: to the next bucket, slot 1: to the stash
  static constexpr unsigned kBucketBits = 14;

  struct alignas(64) Bucket {
    Slot slots[kSlotsPerBucket];
  };
  // Followed by all_buckets() buckets, those of the stash last.
  struct alignas(64) Segment {
    uint32_t prefix;  // first place of the range, left-aligned
    uint32_t depth;
    uint32_t count;
    Bucket* buckets() { return reinterpret_cast<Bucket*>(this + 1); }
  };

  unsigned bucket_of(uint32_t place) const {
    return ((place & ((1U << kBucketBits) - 1)) * buckets_) >> kBucketBits;
  }
  unsigned home_of(const Node* entry) const {
    return bucket_of(place_of(entry, shard_bits_).place);
  }
  unsigned next_of(unsigned bucket) const { return bucket + 1 == buckets_ ? 0 : bucket + 1; }
  size_t directory_index(uint32_t place) const {
    return static_cast<size_t>((uint64_t{place} << depth_) >> 32);
  }
  Segment* segment_of(uint32_t place) const { return directory_[directory_index(place)]; }
  const Bucket& home_bucket(HashPlace where) const {
    return segment_of(where.place)->buckets()[bucket_of(where.place)];
  }

  static constexpr unsigned kFullSmall = std::size(kSmallBuckets) - 1;
  static_assert(kSmallBuckets[kFullSmall] >= kBucketsMin);

  // A single segment that is not of full size yet.
  bool is_small() const { return stash_ == 0; }
  unsigned all_buckets() const { return buckets_ + stash_; }
  // Cursors count buckets as if the segment had full size.
  unsigned cursor_scale() const { return is_small() ? kSmallBuckets[kFullSmall] / buckets_ : 1; }
  void take_size(unsigned small);
  void resize(unsigned small);
  void try_shrink();

  // Where a scan goes on behind a segment; 0 behind the last.
  static uint64_t cursor_behind(const Segment& segment);

  size_t directory_size() const { return size_t{1} << depth_; }
  size_t segment_bytes() const { return sizeof(Segment) + all_buckets() * sizeof(Bucket); }
  void* allocate(size_t bytes);
  void release(void* memory, size_t bytes);
  void set_depth(unsigned depth);
  Segment* make_segment(unsigned depth, uint32_t prefix);
  void free_segment(Segment* segment);
  bool try_insert(Segment& segment, HashPlace where, Node* entry);
  bool try_make_room(Segment& segment, unsigned bucket);
  void split(Segment* segment);
  void move_entries(Segment* from, unsigned count);
  void try_merge(uint32_t place);
  void try_halve_directory();
  Node* nth(size_t index);
  void point_directory_at(Segment* segment);

  static uint32_t tag_matches(const Bucket& bucket, uint16_t tag);
  static Slot* find_in(Bucket& bucket, HashPlace where, Bytes key);
  static Slot* free_slot(Bucket& bucket);
  static void put(Slot* slot, uint16_t tag, Node* entry, uint64_t displaced);

  // What a lookup reads comes first, together.
  Segment** directory_ = nullptr;  // 2^depth_
  unsigned depth_ = 0;
  unsigned buckets_ = 0;
  unsigned stash_ = kStashBuckets;
  const unsigned shard_bits_;
  const bool started_small_;
  Slab* const slab_;
  size_t segments_ = 0;
  size_t size_ = 0;
  size_t memory_bytes_ = 0;
};

using Table = BasicTable<Entry>;

// Cursor: | prefix 18 bits | depth + 1 5 bits | bucket 7 bits |, see scan.
struct TableCursor {
  uint32_t prefix = 0;  // left-aligned place
  unsigned depth = 0;
  unsigned bucket = 0;

  uint64_t pack() const { return uint64_t{prefix >> 14} << 12 | uint64_t{depth} << 7 | bucket; }
  static TableCursor unpack(uint64_t cursor) {
    return {static_cast<uint32_t>(cursor >> 12) << 14, static_cast<unsigned>(cursor >> 7 & 31),
            static_cast<unsigned>(cursor & 127)};
  }
  static constexpr unsigned kBits = 18 + 12;
};

template <typename Node>
uint64_t BasicTable<Node>::cursor_behind(const Segment& segment) {
  const uint64_t end = uint64_t{segment.prefix} + (uint64_t{1} << (32 - segment.depth));
  return end >> 32 != 0 ? 0 : TableCursor{static_cast<uint32_t>(end), 0, 0}.pack();
}

template <typename Node>
template <typename Visit>
void BasicTable<Node>::each_candidate(uint32_t place, Visit visit) {
  Segment& segment = *segment_of(place);
  const unsigned home = bucket_of(place);
  const auto visit_bucket = [&](Bucket& bucket, uint64_t displaced) {
    for (Slot& slot : bucket.slots) {
      if ((slot & kPointerMask) == 0 || (slot & kDisplaced) != displaced) continue;
      if (((slot >> 48 ^ place) & kPlaceTagMask) == 0) visit(&slot);
    }
  };
  Bucket* buckets = segment.buckets();
  visit_bucket(buckets[home], 0);
  if (buckets[home].slots[0] & kOverflow) visit_bucket(buckets[next_of(home)], kDisplaced);
  if (buckets[home].slots[1] & kOverflow) {
    for (unsigned i = 0; i < stash_; ++i) visit_bucket(buckets[buckets_ + i], 0);
  }
}

template <typename Node>
template <typename Visit>
uint64_t BasicTable<Node>::scan(uint64_t cursor, Visit visit) {
  TableCursor at = TableCursor::unpack(cursor);
  Segment& segment = *segment_of(at.prefix);
  // A segment merged since the last call is visited from its start again: what was moved in may
  // not have been seen.
  at.bucket /= cursor_scale();
  if (segment.depth < at.depth || at.bucket >= buckets_) at.bucket = 0;
  Bucket* buckets = segment.buckets();
  const auto visit_bucket = [&](Bucket& bucket, uint64_t displaced) {
    for (Slot& slot : bucket.slots) {
      if ((slot & kPointerMask) != 0 && (slot & kDisplaced) == displaced) visit(entry_of(slot));
    }
  };
  visit_bucket(buckets[at.bucket], 0);
  if (buckets[at.bucket].slots[0] & kOverflow) {
    visit_bucket(buckets[next_of(at.bucket)], kDisplaced);
  }
  // The stash is visited home by home: a split may move its entries to buckets already visited.
  if (buckets[at.bucket].slots[1] & kOverflow) {
    for (unsigned i = 0; i < stash_; ++i) {
      for (Slot& slot : buckets[buckets_ + i].slots) {
        Node* entry = entry_of(slot);
        if (entry != nullptr && home_of(entry) == at.bucket) visit(entry);
      }
    }
  }
  if (at.bucket + 1 == buckets_) return cursor_behind(segment);
  return TableCursor{segment.prefix, segment.depth, (at.bucket + 1) * cursor_scale()}.pack();
}

template <typename Node>
template <typename Visit>
uint64_t BasicTable<Node>::scan_segment(uint64_t cursor, Visit visit) {
  const uint32_t from = TableCursor::unpack(cursor).prefix;
  Segment& segment = *segment_of(from);
  const Slot* slots = segment.buckets()->slots;
  constexpr size_t kAhead = 16;  // entries on their way from memory while one is visited
  const size_t count = size_t{all_buckets()} * kSlotsPerBucket;
  for (size_t i = 0; i < count; ++i) {
    __builtin_prefetch(entry_of(slots[std::min(i + kAhead, count - 1)]));
    Node* entry = entry_of(slots[i]);
    if (entry == nullptr) continue;
    if (segment.prefix != from && place_of(entry, shard_bits_).place < from) continue;
    visit(entry);
  }
  return cursor_behind(segment);
}

}  // namespace larder
