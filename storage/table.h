// The hash table of a keyspace, and of big sets and hashes: extendible hashing
// in segments, so that it grows and shrinks a few hundred entries at a
// time and never holds two copies of itself. A node is an Entry or an Element:
// anything that has a key.
//
//   directory (2^depth references) -> segments -> buckets of one cache line -> 8 slots
//
//   reference: | buckets of the segment 16 | its address, aligned to cache lines 48 |
//
//   slot:  | tag 16 | pointer to the entry, 8-aligned: bits 47..3 | 2 | 1 | 0 |
//     bit 0  displaced: the entry's home is the bucket before this one
//     bit 1  of slot 0: a key whose home is this bucket lives in the next one
//            of slot 1: a key whose home is this bucket lives in the segment's stash
//
// A key has a home bucket. When that is full it goes to the next one, after moving a neighbour out
// of the way if need be, then to the stash of the segment; when nothing is left the segment is
// replaced by one of a fifth more buckets, and the largest is split by one more bit of the hash.
// So segments are full to four fifths in the mean, however many keys there are. A miss reads one
// cache line unless the home bucket has overflowed. Idea: B. Lu et al., "Dash: Scalable Hashing on
// Persistent Memory", VLDB 2020; growth by less than a doubling: P. Larson, "Linear Hashing with
// Partial Expansions", VLDB 1980.
//
// Where a key goes is decided by 32 bits of its hash (`place`):
//     bits 31..14 directory, bits 13..0 bucket (range reduction, so the bucket count is free)
// The last eight bits of the place are in the tag, too: with the bucket they tell all fourteen, so
// a segment changes its size without a look at its keys.
//
// A table begins with one bucket: a hash of a few long values takes some hundred bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "base/bytes.h"
#include "storage/prefetch_list.h"

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
  static constexpr unsigned kDepthMax = 18;

  using Slot = uint64_t;

  // Memory comes from `slab`, or from malloc when that is null.
  BasicTable(unsigned shard_bits, Slab* slab);
  ~BasicTable();
  BasicTable(const BasicTable&) = delete;
  BasicTable& operator=(const BasicTable&) = delete;

  static HashPlace place_of(const Node* node, unsigned shard_bits);

  static HashPlace place_of_hash(uint64_t hash, unsigned shard_bits) {
    const auto place = static_cast<uint32_t>((hash << shard_bits) >> 32);
    // The low bits of the place are part of the tag, so that an expiry reference, which has only
    // the place, can tell most neighbours apart.
    return {place, static_cast<uint16_t>((hash & 0xff00) | (place & kPlaceTagMask))};
  }
  static constexpr uint16_t kPlaceTagMask = 0xff;

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

  // Notes what a lookup will read: the home bucket, and what that points at, see prefetch.h.
  void look_ahead(HashPlace where, BucketList& list) const { look_ahead(where.place, list); }
  void look_ahead(HashPlace where, EntryList& list) const;
  // The same of a lookup by place, see each_candidate.
  void look_ahead(uint32_t place, BucketList& list) const {
    const Reference segment = segment_of(place);
    list.add(&segment.buckets()[segment.bucket_of(place)]);
  }
  void look_ahead(uint32_t place, EntryList& list);

  size_t size() const { return size_; }
  // Segments and directory, as the allocator gave them.
  size_t memory_bytes() const { return memory_bytes_; }
  size_t slot_count() const { return slots_; }
  size_t segment_count() const { return segments_; }
  // Walks every invariant; ends the process on the first that is broken. For tests.
  void validate() const;

 private:
  static constexpr uint64_t kPointerMask = 0x0000'ffff'ffff'fff8;
  static constexpr uint64_t kDisplaced = 1;
  static constexpr uint64_t kOverflow = 2;  // slot 0: to the next bucket, slot 1: to the stash
  // What decides on a bucket, of a place.
  static constexpr unsigned kBucketBits = 14;
  static constexpr uint32_t kBucketMask = (1U << kBucketBits) - 1;
  // Bucket counts of segments. With a header and the stash each fills the slab's classes.
  static constexpr unsigned kBuckets[] = {1,  2,  3,  4,  6,  8,  12, 16,
                                          20, 24, 32, 40, 52, 64, 76, 90, 107, 128};
  static constexpr unsigned kBucketsMax = kBuckets[std::size(kBuckets) - 1];
  // Of one of several segments, at least. From here on a bucket and a tag tell a place.
  static constexpr unsigned kBucketsShared = 64;
  static_assert((kBucketMask + 1) / kBucketsShared <= kPlaceTagMask + 1);

  struct alignas(64) Bucket {
    Slot slots[kSlotsPerBucket];
  };
  // Followed by all_buckets() buckets, those of the stash last.
  struct alignas(64) Segment {
    uint32_t prefix;  // first place of the range, left-aligned
    uint16_t depth;
    uint16_t home_buckets;
    uint32_t count;
    uint32_t erased;         // since it was made
    uint32_t shrinks_below;  // so many entries

    Bucket* buckets() { return reinterpret_cast<Bucket*>(this + 1); }
    size_t slot_count() const { return slots_of(home_buckets); }
  };
  // A segment as the directory knows it: which bucket it is takes no look at the segment, whose
  // first line is far from the others.
  class Reference {
   public:
    Reference() = default;
    explicit Reference(Segment* segment)
        : bits_(reinterpret_cast<uint64_t>(segment) | uint64_t{segment->home_buckets} << 48) {}
    Segment* operator->() const { return get(); }
    Segment& operator*() const { return *get(); }
    Segment* get() const { return reinterpret_cast<Segment*>(bits_ << 16 >> 16); }
    Bucket* buckets() const { return get()->buckets(); }
    unsigned home_buckets() const { return static_cast<unsigned>(bits_ >> 48); }
    unsigned bucket_of(uint32_t place) const {
      return ((place & kBucketMask) * home_buckets()) >> kBucketBits;
    }
    unsigned next_of(unsigned bucket) const {
      return bucket + 1 == home_buckets() ? 0 : bucket + 1;
    }
    unsigned before(unsigned bucket) const { return (bucket == 0 ? home_buckets() : bucket) - 1; }
    unsigned all_buckets() const { return home_buckets() + stash_of(home_buckets()); }
    // The first that a bucket is home of, of what decides on buckets.
    uint32_t first_position(unsigned bucket) const {
      return ((bucket << kBucketBits) + home_buckets() - 1) / home_buckets();
    }
    friend bool operator==(Reference a, Reference b) { return a.bits_ == b.bits_; }

   private:
    uint64_t bits_ = 0;
  };

  static constexpr unsigned stash_of(unsigned buckets) { return buckets / 16; }
  static constexpr size_t slots_of(unsigned buckets) {
    return size_t{buckets + stash_of(buckets)} * kSlotsPerBucket;
  }
  static constexpr size_t bytes_of(unsigned buckets) {
    return sizeof(Segment) + (buckets + stash_of(buckets)) * sizeof(Bucket);
  }
  static unsigned size_above(unsigned buckets);
  static unsigned size_below(unsigned buckets);
  static unsigned size_for(size_t count);
  static size_t shrink_limit(unsigned depth, unsigned buckets);
  // Four fifths of its slots: a segment that is no fuller does not grow again at once.
  static constexpr size_t comfort_of(unsigned buckets) { return slots_of(buckets) * 4 / 5; }

  unsigned home_of(Reference segment, const Node* entry) const {
    return segment.bucket_of(place_of(entry, shard_bits_).place);
  }
  size_t directory_index(uint32_t place) const {
    return static_cast<size_t>((uint64_t{place} << depth_) >> 32);
  }
  Reference segment_of(uint32_t place) const { return directory_[directory_index(place)]; }

  // Where a scan goes on behind a segment; 0 behind the last.
  static uint64_t cursor_behind(const Segment& segment);

  size_t directory_size() const { return size_t{1} << depth_; }
  void* allocate(size_t bytes);
  void release(void* memory, size_t bytes);
  void set_depth(unsigned depth);
  Segment* make_segment(unsigned depth, uint32_t prefix, unsigned buckets);
  void free_segment(Segment* segment);
  static bool try_insert(Reference segment, HashPlace where, Node* entry);
  static bool try_make_room(Reference segment, unsigned bucket);
  void make_room(Segment* segment);
  void shrink(Segment* segment);
  void resize(Segment* segment, unsigned buckets);
  void split(Segment* segment);
  void try_merge(Segment* segment);
  void move_entries(Segment* from);
  class Filling;
  static bool move_bucket(Reference from, unsigned bucket, Filling& into);
  static HashPlace place_in(Reference segment, unsigned bucket, Slot slot);
  void try_halve_directory();
  Node* nth(size_t index);
  void point_directory_at(Segment* segment);

  static uint32_t tag_matches(const Bucket& bucket, uint16_t tag);
  static bool add_matches(const Bucket& bucket, uint16_t tag, EntryList& list);
  static Slot* find_in(Bucket& bucket, HashPlace where, Bytes key);
  static Slot* free_slot(Bucket& bucket);
  static void put(Slot* slot, uint16_t tag, Node* entry, uint64_t displaced);

  // What a lookup reads comes first, together.
  Reference* directory_ = nullptr;  // 2^depth_
  unsigned depth_ = 0;
  const unsigned shard_bits_;
  Slab* const slab_;
  size_t segments_ = 0;
  size_t slots_ = 0;
  size_t size_ = 0;
  size_t memory_bytes_ = 0;
};

using Table = BasicTable<Entry>;

// Cursor: | prefix 18 bits | depth 5 bits | position 14 bits |, see scan.
struct TableCursor {
  uint32_t prefix = 0;    // left-aligned place
  unsigned depth = 0;     // of the segment
  uint32_t position = 0;  // what decides on the bucket, of the first place that was not seen yet

  uint64_t pack() const { return uint64_t{prefix >> 14} << 19 | uint64_t{depth} << 14 | position; }
  static TableCursor unpack(uint64_t cursor) {
    return {static_cast<uint32_t>(cursor >> 19) << 14, static_cast<unsigned>(cursor >> 14 & 31),
            static_cast<uint32_t>(cursor & 0x3fff)};
  }
  static constexpr unsigned kBits = 18 + 5 + 14;
};

template <typename Node>
uint64_t BasicTable<Node>::cursor_behind(const Segment& segment) {
  const uint64_t end = uint64_t{segment.prefix} + (uint64_t{1} << (32 - segment.depth));
  return end >> 32 != 0 ? 0 : TableCursor{static_cast<uint32_t>(end), 0, 0}.pack();
}

template <typename Node>
template <typename Visit>
void BasicTable<Node>::each_candidate(uint32_t place, Visit visit) {
  const Reference segment = segment_of(place);
  const unsigned home = segment.bucket_of(place);
  const auto visit_bucket = [&](Bucket& bucket, uint64_t displaced) {
    for (Slot& slot : bucket.slots) {
      if ((slot & kPointerMask) == 0 || (slot & kDisplaced) != displaced) continue;
      if (((slot >> 48 ^ place) & kPlaceTagMask) == 0) visit(&slot);
    }
  };
  Bucket* buckets = segment.buckets();
  visit_bucket(buckets[home], 0);
  if (buckets[home].slots[0] & kOverflow) visit_bucket(buckets[segment.next_of(home)], kDisplaced);
  if (buckets[home].slots[1] & kOverflow) {
    for (unsigned i = segment.home_buckets(); i < segment.all_buckets(); ++i) {
      visit_bucket(buckets[i], 0);
    }
  }
}

template <typename Node>
void BasicTable<Node>::look_ahead(uint32_t place, EntryList& list) {
  each_candidate(place, [&list](const Slot* slot) { list.add(entry_of(*slot)); });
}

template <typename Node>
template <typename Visit>
uint64_t BasicTable<Node>::scan(uint64_t cursor, Visit visit) {
  const TableCursor at = TableCursor::unpack(cursor);
  const Reference segment = segment_of(at.prefix);
  // A segment merged since the last call is visited from its start again: what was moved in may
  // not have been seen.
  const unsigned at_bucket = segment->depth < at.depth ? 0 : segment.bucket_of(at.position);
  Bucket* buckets = segment.buckets();
  const auto visit_bucket = [&](Bucket& bucket, uint64_t displaced) {
    for (Slot& slot : bucket.slots) {
      if ((slot & kPointerMask) != 0 && (slot & kDisplaced) == displaced) visit(entry_of(slot));
    }
  };
  visit_bucket(buckets[at_bucket], 0);
  if (buckets[at_bucket].slots[0] & kOverflow) {
    visit_bucket(buckets[segment.next_of(at_bucket)], kDisplaced);
  }
  // The stash is visited home by home: a split may move its entries to buckets already visited.
  if (buckets[at_bucket].slots[1] & kOverflow) {
    for (unsigned i = segment.home_buckets(); i < segment.all_buckets(); ++i) {
      for (Slot& slot : buckets[i].slots) {
        Node* entry = entry_of(slot);
        if (entry != nullptr && home_of(segment, entry) == at_bucket) visit(entry);
      }
    }
  }
  if (at_bucket + 1 == segment.home_buckets()) return cursor_behind(*segment);
  return TableCursor{segment->prefix, segment->depth, segment.first_position(at_bucket + 1)}.pack();
}

template <typename Node>
template <typename Visit>
uint64_t BasicTable<Node>::scan_segment(uint64_t cursor, Visit visit) {
  const uint32_t from = TableCursor::unpack(cursor).prefix;
  Segment& segment = *segment_of(from);
  const Slot* slots = segment.buckets()->slots;
  constexpr size_t kAhead = 16;  // entries on their way from memory while one is visited
  const size_t count = segment.slot_count();
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
