#include "storage/table.h"

#include <malloc.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"
#include "storage/element.h"
#include "storage/entry.h"
#include "storage/slab.h"

namespace larder {

template <typename Node>
HashPlace BasicTable<Node>::place_of(const Node* node, unsigned shard_bits) {
  return place_of_hash(hash_of(node->key()), shard_bits);
}

template <typename Node>
BasicTable<Node>::BasicTable(unsigned shard_bits, Slab* slab)
    : shard_bits_(shard_bits), slab_(slab) {
  directory_ = static_cast<Reference*>(allocate(sizeof(Reference)));
  directory_[0] = Reference(make_segment(0, 0, kBuckets[0]));
}

template <typename Node>
BasicTable<Node>::~BasicTable() {
  if (directory_ == nullptr) return;
  for (size_t i = 0; i < directory_size();) {
    Segment* segment = directory_[i].get();
    i += size_t{1} << (depth_ - segment->depth);
    free_segment(segment);
  }
  release(directory_, directory_size() * sizeof(Reference));
}

template <typename Node>
void* BasicTable<Node>::allocate(size_t bytes) {
  void* memory = nullptr;
  if (slab_ != nullptr) {
    memory = slab_->allocate_segment(bytes);
    memory_bytes_ += Slab::usable(bytes);
  } else {
    memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    CHECK(memory != nullptr);
    memory_bytes_ += malloc_usable_size(memory);
  }
  return memory;
}

template <typename Node>
void BasicTable<Node>::release(void* memory, size_t bytes) {
  if (slab_ != nullptr) {
    memory_bytes_ -= Slab::usable(bytes);
    slab_->release(memory, bytes);
  } else {
    memory_bytes_ -= malloc_usable_size(memory);
    std::free(memory);
  }
}

// Bit 4i + 3 is set when slot i of the bucket carries the tag.
template <typename Node>
inline uint32_t BasicTable<Node>::tag_matches(const Bucket& bucket, uint16_t tag) {
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi16(static_cast<int16_t>(tag));
  const auto* line = reinterpret_cast<const __m128i*>(bucket.slots);
  const __m128i a = _mm_cmpeq_epi16(_mm_load_si128(line), wanted);
  const __m128i b = _mm_cmpeq_epi16(_mm_load_si128(line + 1), wanted);
  const __m128i c = _mm_cmpeq_epi16(_mm_load_si128(line + 2), wanted);
  const __m128i d = _mm_cmpeq_epi16(_mm_load_si128(line + 3), wanted);
  const int low = _mm_movemask_epi8(_mm_packs_epi16(a, b));  // a byte for each 16 bits
  const int high = _mm_movemask_epi8(_mm_packs_epi16(c, d));
  return (static_cast<uint32_t>(low) | static_cast<uint32_t>(high) << 16) & 0x88888888;
#else
  uint32_t matches = 0;
  for (unsigned i = 0; i < kSlotsPerBucket; ++i) {
    matches |= static_cast<uint32_t>(bucket.slots[i] >> 48 == tag) << (4 * i + 3);
  }
  return matches;
#endif
}

template <typename Node>
inline typename BasicTable<Node>::Slot* BasicTable<Node>::find_in(Bucket& bucket, HashPlace where,
                                                                  Bytes key) {
  for (uint32_t left = tag_matches(bucket, where.tag); left != 0; left &= left - 1) {
    Slot* slot = &bucket.slots[__builtin_ctz(left) / 4];
    const Node* entry = entry_of(*slot);
    if (entry != nullptr && entry->key() == key) return slot;
  }
  return nullptr;
}

template <typename Node>
typename BasicTable<Node>::Slot* BasicTable<Node>::find(HashPlace where, Bytes key) {
  const Reference segment = segment_of(where.place);
  Bucket* buckets = segment.buckets();
  const unsigned home = segment.bucket_of(where.place);
  Bucket& bucket = buckets[home];
  if (Slot* slot = find_in(bucket, where, key)) return slot;
  if (bucket.slots[0] & kOverflow) {
    if (Slot* slot = find_in(buckets[segment.next_of(home)], where, key)) return slot;
  }
  if (bucket.slots[1] & kOverflow) {
    for (unsigned i = segment.home_buckets(); i < segment.all_buckets(); ++i) {
      if (Slot* slot = find_in(buckets[i], where, key)) return slot;
    }
  }
  return nullptr;
}

// False when no slot of the bucket carries the tag.
template <typename Node>
inline bool BasicTable<Node>::add_matches(const Bucket& bucket, uint16_t tag, EntryList& list) {
  const uint32_t matches = tag_matches(bucket, tag);
  for (uint32_t left = matches; left != 0; left &= left - 1) {
    list.add(entry_of(bucket.slots[__builtin_ctz(left) / 4]));
  }
  return matches != 0;
}

template <typename Node>
void BasicTable<Node>::look_ahead(HashPlace where, EntryList& list) const {
  const Reference segment = segment_of(where.place);
  const Bucket* buckets = segment.buckets();
  const unsigned home = segment.bucket_of(where.place);
  if (add_matches(buckets[home], where.tag, list)) return;
  if ((buckets[home].slots[0] & kOverflow) != 0 &&
      add_matches(buckets[segment.next_of(home)], where.tag, list)) {
    return;
  }
  if ((buckets[home].slots[1] & kOverflow) == 0) return;
  for (unsigned i = segment.home_buckets(); i < segment.all_buckets(); ++i) list.add(&buckets[i]);
}

template <typename Node>
void BasicTable<Node>::replace(Slot* slot, Node* entry) {
  *slot = (*slot & ~kPointerMask) | reinterpret_cast<uint64_t>(entry);
}

template <typename Node>
void BasicTable<Node>::put(Slot* slot, uint16_t tag, Node* entry, uint64_t displaced) {
  *slot = uint64_t{tag} << 48 | reinterpret_cast<uint64_t>(entry) | (*slot & kOverflow) | displaced;
}

template <typename Node>
typename BasicTable<Node>::Slot* BasicTable<Node>::free_slot(Bucket& bucket) {
  for (Slot& slot : bucket.slots) {
    if ((slot & kPointerMask) == 0) return &slot;
  }
  return nullptr;
}

template <typename Node>
void BasicTable<Node>::insert(HashPlace where, Node* entry) {
  while (!try_insert(segment_of(where.place), where, entry)) {
    make_room(segment_of(where.place).get());
  }
  ++size_;
}

template <typename Node>
unsigned BasicTable<Node>::size_above(unsigned buckets) {
  return *std::upper_bound(std::begin(kBuckets), std::end(kBuckets), buckets);
}

template <typename Node>
unsigned BasicTable<Node>::size_below(unsigned buckets) {
  return *(std::lower_bound(std::begin(kBuckets), std::end(kBuckets), buckets) - 1);
}

// Of one of several segments: one that `count` entries leave comfortable, or the largest.
template <typename Node>
unsigned BasicTable<Node>::size_for(size_t count) {
  unsigned buckets = kBucketsShared;
  while (buckets < kBucketsMax && count > comfort_of(buckets)) buckets = size_above(buckets);
  return buckets;
}

template <typename Node>
void BasicTable<Node>::make_room(Segment* segment) {
  const unsigned buckets = segment->home_buckets;
  const size_t slots = segment->slot_count();
  // Entries that came while others were there lie in the next bucket or the stash for nothing.
  const bool untidy = segment->erased * 4 >= slots && segment->count * 8 < slots * 7;
  if (untidy) return resize(segment, buckets);
  buckets == kBucketsMax ? split(segment) : resize(segment, size_above(buckets));
}

// With how many entries less a segment has a smaller place, or half of one.
template <typename Node>
size_t BasicTable<Node>::shrink_limit(unsigned depth, unsigned buckets) {
  if (depth > 0 && buckets == kBucketsShared) return comfort_of(kBucketsMax) / 2;
  return buckets == kBuckets[0] ? 0 : comfort_of(size_below(buckets));
}

template <typename Node>
void BasicTable<Node>::shrink(Segment* segment) {
  const unsigned buckets = segment->home_buckets;
  if (segment->depth > 0 && buckets == kBucketsShared) return try_merge(segment);
  resize(segment, size_below(buckets));
}

template <typename Node>
void BasicTable<Node>::resize(Segment* segment, unsigned buckets) {
  point_directory_at(make_segment(segment->depth, segment->prefix, buckets));
  move_entries(segment);
}

template <typename Node>
bool BasicTable<Node>::try_insert(Reference segment, HashPlace where, Node* entry) {
  Bucket* buckets = segment.buckets();
  const unsigned home = segment.bucket_of(where.place);
  if (Slot* slot = free_slot(buckets[home])) {
    put(slot, where.tag, entry, 0);
    ++segment->count;
    return true;
  }
  const unsigned next = segment.next_of(home);
  Slot* slot = free_slot(buckets[next]);
  if (slot == nullptr && try_make_room(segment, next)) slot = free_slot(buckets[next]);
  if (slot != nullptr) {
    put(slot, where.tag, entry, kDisplaced);
    buckets[home].slots[0] |= kOverflow;
    ++segment->count;
    return true;
  }
  for (unsigned i = segment.home_buckets(); i < segment.all_buckets(); ++i) {
    slot = free_slot(buckets[i]);
    if (slot == nullptr) continue;
    put(slot, where.tag, entry, 0);
    buckets[home].slots[1] |= kOverflow;
    ++segment->count;
    return true;
  }
  return false;
}

// Moves one entry whose home is `bucket` on to the bucket behind it.
template <typename Node>
bool BasicTable<Node>::try_make_room(Reference segment, unsigned bucket) {
  Bucket* buckets = segment.buckets();
  Slot* target = free_slot(buckets[segment.next_of(bucket)]);
  if (target == nullptr) return false;
  for (Slot& slot : buckets[bucket].slots) {
    if ((slot & kDisplaced) != 0) continue;
    put(target, static_cast<uint16_t>(slot >> 48), entry_of(slot), kDisplaced);
    slot &= kOverflow;
    buckets[bucket].slots[0] |= kOverflow;
    return true;
  }
  return false;
}

template <typename Node>
void BasicTable<Node>::erase(HashPlace where, Slot* slot) {
  Segment& segment = *segment_of(where.place);
  *slot &= kOverflow;
  --segment.count;
  --size_;
  ++segment.erased;
  if (segment.count < segment.shrinks_below) shrink(&segment);
}

template <typename Node>
typename BasicTable<Node>::Segment* BasicTable<Node>::make_segment(unsigned depth, uint32_t prefix,
                                                                   unsigned buckets) {
  auto* segment = static_cast<Segment*>(allocate(bytes_of(buckets)));
  std::memset(static_cast<void*>(segment), 0, bytes_of(buckets));
  segment->prefix = prefix;
  segment->depth = static_cast<uint16_t>(depth);
  segment->home_buckets = static_cast<uint16_t>(buckets);
  segment->shrinks_below = static_cast<uint32_t>(shrink_limit(depth, buckets));
  ++segments_;
  slots_ += slots_of(buckets);
  return segment;
}

template <typename Node>
void BasicTable<Node>::free_segment(Segment* segment) {
  --segments_;
  slots_ -= segment->slot_count();
  release(segment, bytes_of(segment->home_buckets));
}

// Doubles or halves the directory.
template <typename Node>
void BasicTable<Node>::set_depth(unsigned depth) {
  const size_t old_size = directory_size();
  Reference* old = directory_;
  const size_t size = size_t{1} << depth;
  directory_ = static_cast<Reference*>(allocate(size * sizeof(Reference)));
  for (size_t i = 0; i < size; ++i) directory_[i] = old[(i << depth_) >> depth];
  depth_ = depth;
  release(old, old_size * sizeof(Reference));
}

template <typename Node>
void BasicTable<Node>::point_directory_at(Segment* segment) {
  const size_t first = directory_index(segment->prefix);
  const size_t count = size_t{1} << (depth_ - segment->depth);
  std::fill_n(directory_ + first, count, Reference(segment));
}

template <typename Node>
void BasicTable<Node>::split(Segment* segment) {
  CHECK(segment->depth < kDepthMax);
  if (segment->depth == depth_) {
    set_depth(depth_ + 1);
  }
  const unsigned depth = segment->depth + 1;
  const unsigned buckets = size_for(segment->count / 2);
  const uint32_t upper = segment->prefix | (uint32_t{1} << (32 - depth));
  point_directory_at(make_segment(depth, segment->prefix, buckets));
  point_directory_at(make_segment(depth, upper, buckets));
  move_entries(segment);
}

// A segment that others are moved to: nothing leaves it meanwhile, so what its buckets hold stands
// in front of what they do not.
template <typename Node>
class BasicTable<Node>::Filling {
 public:
  explicit Filling(Reference segment) : segment_(segment) {
    for (unsigned i = 0; segment->count > 0 && i < segment.home_buckets(); ++i) recount(i);
  }

  // False when there is no room.
  bool add(HashPlace where, Node* entry) {
    const unsigned home = segment_.bucket_of(where.place);
    if (used_[home] < kSlotsPerBucket) {
      put(&segment_.buckets()[home].slots[used_[home]++], where.tag, entry, 0);
      ++segment_->count;
      return true;
    }
    if (!try_insert(segment_, where, entry)) return false;
    const unsigned next = segment_.next_of(home);
    recount(next);
    recount(segment_.next_of(next));
    return true;
  }

 private:
  void recount(unsigned bucket) {
    Bucket& counted = segment_.buckets()[bucket];
    const Slot* free = free_slot(counted);
    used_[bucket] = static_cast<uint8_t>(free == nullptr ? kSlotsPerBucket : free - counted.slots);
  }

  const Reference segment_;
  std::array<uint8_t, kBucketsMax> used_{};
};

// Puts the entries of a segment that is no longer in the directory where they belong now, and frees
// it.
template <typename Node>
void BasicTable<Node>::move_entries(Segment* segment) {
  const Reference from(segment);
  Bucket* buckets = from.buckets();
  const unsigned count = from.all_buckets();
  unsigned first = 0;
  // When all go to one segment the directory, which needs whole places, has no say.
  if (const Reference into = segment_of(from->prefix);
      into->depth <= from->depth && from.home_buckets() >= kBucketsShared) {
    Filling filling(into);
    while (first < from.home_buckets() && move_bucket(from, first, filling)) ++first;
  }
  for (unsigned i = first; i < count; ++i) {
    if (i + 1 < count) {
      for (const Slot slot : buckets[i + 1].slots) __builtin_prefetch(entry_of(slot));
    }
    for (const Slot slot : buckets[i].slots) {
      Node* entry = entry_of(slot);
      if (entry == nullptr) continue;
      --size_;
      insert(place_of(entry, shard_bits_), entry);
    }
  }
  free_segment(segment);
}

// Moves the entries of a bucket to a segment that holds their places, too. False when one of them
// found no room; it and those behind it stay.
template <typename Node>
bool BasicTable<Node>::move_bucket(Reference from, unsigned bucket, Filling& into) {
  for (Slot& slot : from.buckets()[bucket].slots) {
    Node* entry = entry_of(slot);
    if (entry == nullptr) continue;
    if (!into.add(place_in(from, bucket, slot), entry)) return false;
    slot = 0;
  }
  return true;
}

// As much of the place as decides on buckets, without a look at the key: a bucket is home of up to
// 256 positions, and the tag tells which.
template <typename Node>
HashPlace BasicTable<Node>::place_in(Reference segment, unsigned bucket, Slot slot) {
  const auto tag = static_cast<uint16_t>(slot >> 48);
  const unsigned home = (slot & kDisplaced) == 0 ? bucket : segment.before(bucket);
  const uint32_t first = segment.first_position(home);
  return {first + ((tag - first) & kPlaceTagMask), tag};
}

// Joins a segment with its other half if the two have room in one.
template <typename Node>
void BasicTable<Node>::try_merge(Segment* segment) {
  const unsigned depth = segment->depth;
  const uint32_t bit = uint32_t{1} << (32 - depth);
  Segment* buddy = segment_of(segment->prefix ^ bit).get();
  const size_t count = size_t{segment->count} + buddy->count;
  if (buddy->depth != depth || count > comfort_of(kBucketsMax)) return;
  point_directory_at(make_segment(depth - 1, segment->prefix & ~bit, size_for(count)));
  for (Segment* half : {segment, buddy}) move_entries(half);
  try_halve_directory();
}

template <typename Node>
void BasicTable<Node>::try_halve_directory() {
  while (depth_ > 0) {
    for (size_t i = 0; i < directory_size(); ++i) {
      if (directory_[i]->depth == depth_) return;
    }
    set_depth(depth_ - 1);
  }
}

// A random slot of a random segment, until one is taken: so every entry is equally likely. A
// segment that several directory entries share counts by the first of them only. Sparse tables,
// where that would take long, are counted through instead.
template <typename Node>
Node* BasicTable<Node>::sample(uint64_t random) {
  if (size_ == 0) return nullptr;
  constexpr unsigned kAttempts = 128;
  // Of the largest: what a smaller segment does not have is drawn in vain.
  const size_t slots = depth_ == 0 ? slots_ : slots_of(kBucketsMax);
  const bool sparse = size_ * 16 < slots_;
  for (unsigned attempt = 0; !sparse && attempt < kAttempts; ++attempt) {
    random = random * 0x5851f42d4c957f2dULL + 0x14057b7ef767814fULL;
    const size_t index = static_cast<size_t>(((random >> 32) << depth_) >> 32);
    Segment& segment = *directory_[index];
    if (directory_index(segment.prefix) != index) continue;
    const size_t at = static_cast<size_t>((random & 0xffffffff) * slots >> 32);
    if (at >= segment.slot_count()) continue;
    if (Node* entry = entry_of(segment.buckets()->slots[at])) return entry;
  }
  return nth((random >> 16) % size_);
}

// The entry of an index in the order of slots. Cost: O(segments + slots of one).
template <typename Node>
Node* BasicTable<Node>::nth(size_t index) {
  for (size_t i = 0; i < directory_size();) {
    Segment& segment = *directory_[i];
    i += size_t{1} << (depth_ - segment.depth);
    if (index >= segment.count) {
      index -= segment.count;
      continue;
    }
    for (const Slot* slot = segment.buckets()->slots;; ++slot) {
      if (entry_of(*slot) != nullptr && index-- == 0) return entry_of(*slot);
    }
  }
  return nullptr;
}

template <typename Node>
void BasicTable<Node>::validate() const {
  size_t entries = 0;
  size_t segments = 0;
  size_t slots = 0;
  for (size_t i = 0; i < directory_size();) {
    const Reference segment = directory_[i];
    const size_t span = size_t{1} << (depth_ - segment->depth);
    CHECK(segment->depth <= depth_);
    CHECK(segment->depth == 0 || segment.home_buckets() >= kBucketsShared);
    CHECK(directory_index(segment->prefix) == i);
    for (size_t k = 0; k < span; ++k) CHECK(directory_[i + k] == segment);
    size_t count = 0;
    for (unsigned b = 0; b < segment.all_buckets(); ++b) {
      for (const Slot slot : segment.buckets()[b].slots) {
        const Node* entry = entry_of(slot);
        if (entry == nullptr) continue;
        ++count;
        const HashPlace where = place_of(entry, shard_bits_);
        CHECK(segment_of(where.place) == segment);
        CHECK(slot >> 48 == where.tag);
        const unsigned home = segment.bucket_of(where.place);
        if (b >= segment.home_buckets()) {
          CHECK(segment.buckets()[home].slots[1] & kOverflow);
        } else if (slot & kDisplaced) {
          CHECK(segment.next_of(home) == b);
          CHECK(segment.buckets()[home].slots[0] & kOverflow);
        } else {
          CHECK(home == b);
        }
      }
    }
    CHECK(count == segment->count);
    entries += count;
    slots += segment->slot_count();
    ++segments;
    i += span;
  }
  CHECK(entries == size_);
  CHECK(segments == segments_);
  CHECK(slots == slots_);
}

template class BasicTable<Entry>;
template class BasicTable<Element>;

}  // namespace larder
