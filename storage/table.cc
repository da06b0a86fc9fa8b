#include "storage/table.h"

#include <malloc.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"
#include "storage/element.h"
#include "storage/entry.h"
#include "storage/slab.h"

namespace larder {

static_assert(Table::kBucketsMax < 128, "a cursor has seven bits for the bucket");

template <typename Node>
HashPlace BasicTable<Node>::place_of(const Node* node, unsigned shard_bits) {
  return place_of_hash(hash_of(node->key()), shard_bits);
}

template <typename Node>
BasicTable<Node>::BasicTable(unsigned buckets, unsigned shard_bits, Slab* slab)
    : buckets_(buckets),
      shard_bits_(shard_bits),
      started_small_(buckets == kStartSmall),
      slab_(slab) {
  if (started_small_) {
    take_size(0);
  } else {
    CHECK(buckets >= kBucketsMin && buckets <= kBucketsMax);
  }
  directory_ = static_cast<Segment**>(allocate(sizeof(Segment*)));
  directory_[0] = make_segment(0, 0);
}

template <typename Node>
BasicTable<Node>::~BasicTable() {
  if (directory_ == nullptr) return;
  for (size_t i = 0; i < directory_size();) {
    Segment* segment = directory_[i];
    i += size_t{1} << (depth_ - segment->depth);
    release(segment, segment_bytes());
  }
  release(directory_, directory_size() * sizeof(Segment*));
}

// A slab's objects are aligned to cache lines when they are of 512 bytes and more, or fill a
// multiple of cache lines, as small segments do; see Slab.
template <typename Node>
void* BasicTable<Node>::allocate(size_t bytes) {
  void* memory = nullptr;
  if (slab_ != nullptr) {
    memory = slab_->allocate_segment(bytes);
    memory_bytes_ += Slab::usable_segment(bytes);
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
    memory_bytes_ -= Slab::usable_segment(bytes);
    slab_->release_segment(memory, bytes);
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
  Bucket* buckets = segment_of(where.place)->buckets();
  const unsigned home = bucket_of(where.place);
  Bucket& bucket = buckets[home];
  if (Slot* slot = find_in(bucket, where, key)) return slot;
  if (bucket.slots[0] & kOverflow) {
    if (Slot* slot = find_in(buckets[next_of(home)], where, key)) return slot;
  }
  if (bucket.slots[1] & kOverflow) {
    for (unsigned i = 0; i < stash_; ++i) {
      if (Slot* slot = find_in(buckets[buckets_ + i], where, key)) return slot;
    }
  }
  return nullptr;
}

template <typename Node>
void BasicTable<Node>::prefetch_entry(HashPlace where) const {
  const Bucket& bucket = home_bucket(where);
  for (uint32_t left = tag_matches(bucket, where.tag); left != 0; left &= left - 1) {
    // The header with the key, and a small value: two lines, or three when it begins late in one.
    const Slot slot = bucket.slots[__builtin_ctz(left) / 4];
    const auto* entry = reinterpret_cast<const char*>(entry_of(slot));
    for (const int offset : {0, 64, 96}) __builtin_prefetch(entry + offset);
  }
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
  while (!try_insert(*segment_of(where.place), where, entry)) split(segment_of(where.place));
  ++size_;
}

template <typename Node>
void BasicTable<Node>::take_size(unsigned small) {
  buckets_ = kSmallBuckets[small];
  stash_ = small == kFullSmall ? kStashBuckets : 0;
}

// Puts the only segment's entries into one of another size.
template <typename Node>
void BasicTable<Node>::resize(unsigned small) {
  const size_t old_bytes = segment_bytes();
  const unsigned old_buckets = all_buckets();
  Segment* old = directory_[0];
  take_size(small);
  directory_[0] = make_segment(0, 0);
  move_entries(old, old_buckets);
  --segments_;
  release(old, old_bytes);
}

template <typename Node>
void BasicTable<Node>::try_shrink() {
  unsigned small = 0;
  while (kSmallBuckets[small] < buckets_) ++small;
  if (small > 0) resize(small - 1);
}

template <typename Node>
bool BasicTable<Node>::try_insert(Segment& segment, HashPlace where, Node* entry) {
  Bucket* buckets = segment.buckets();
  const unsigned home = bucket_of(where.place);
  if (Slot* slot = free_slot(buckets[home])) {
    put(slot, where.tag, entry, 0);
    ++segment.count;
    return true;
  }
  const unsigned next = next_of(home);
  Slot* slot = free_slot(buckets[next]);
  if (slot == nullptr && try_make_room(segment, next)) slot = free_slot(buckets[next]);
  if (slot != nullptr) {
    put(slot, where.tag, entry, kDisplaced);
    buckets[home].slots[0] |= kOverflow;
    ++segment.count;
    return true;
  }
  for (unsigned i = 0; i < stash_; ++i) {
    slot = free_slot(buckets[buckets_ + i]);
    if (slot == nullptr) continue;
    put(slot, where.tag, entry, 0);
    buckets[home].slots[1] |= kOverflow;
    ++segment.count;
    return true;
  }
  return false;
}

// Moves one entry whose home is `bucket` on to the bucket behind it.
template <typename Node>
bool BasicTable<Node>::try_make_room(Segment& segment, unsigned bucket) {
  Bucket* buckets = segment.buckets();
  Slot* target = free_slot(buckets[next_of(bucket)]);
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
  // Merging at a quarter leaves room to grow before the next split.
  if (segment.depth > 0) {
    if (segment.count < buckets_ * kSlotsPerBucket / 4) try_merge(where.place);
  } else if (started_small_ && segment.count < buckets_) {
    try_shrink();  // an eighth full: the next size down is nearly empty still
  }
}

template <typename Node>
typename BasicTable<Node>::Segment* BasicTable<Node>::make_segment(unsigned depth,
                                                                   uint32_t prefix) {
  auto* segment = static_cast<Segment*>(allocate(segment_bytes()));
  std::memset(static_cast<void*>(segment), 0, segment_bytes());
  segment->prefix = prefix;
  segment->depth = depth;
  ++segments_;
  return segment;
}

template <typename Node>
void BasicTable<Node>::free_segment(Segment* segment) {
  --segments_;
  release(segment, segment_bytes());
}

// Doubles or halves the directory.
template <typename Node>
void BasicTable<Node>::set_depth(unsigned depth) {
  const size_t old_size = directory_size();
  Segment** old = directory_;
  const size_t size = size_t{1} << depth;
  directory_ = static_cast<Segment**>(allocate(size * sizeof(Segment*)));
  for (size_t i = 0; i < size; ++i) directory_[i] = old[(i << depth_) >> depth];
  depth_ = depth;
  release(old, old_size * sizeof(Segment*));
}

template <typename Node>
void BasicTable<Node>::point_directory_at(Segment* segment) {
  const size_t first = directory_index(segment->prefix);
  const size_t count = size_t{1} << (depth_ - segment->depth);
  for (size_t i = 0; i < count; ++i) directory_[first + i] = segment;
}

template <typename Node>
void BasicTable<Node>::split(Segment* segment) {
  if (is_small()) {
    unsigned small = 0;
    while (kSmallBuckets[small] <= buckets_) ++small;
    return resize(small);
  }
  CHECK(segment->depth < kDepthMax);
  if (segment->depth == depth_) {
    set_depth(depth_ + 1);
  }
  const unsigned depth = segment->depth + 1;
  const uint32_t upper = segment->prefix | (uint32_t{1} << (32 - depth));
  point_directory_at(make_segment(depth, segment->prefix));
  point_directory_at(make_segment(depth, upper));
  move_entries(segment, all_buckets());
  free_segment(segment);
}

// Puts the entries of a segment that is no longer in the directory, all in its first `count`
// buckets, where they belong now.
template <typename Node>
void BasicTable<Node>::move_entries(Segment* from, unsigned count) {
  Bucket* buckets = from->buckets();
  for (unsigned i = 0; i < count; ++i) {
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
}

// Joins the segment of `place` with its other half if both together are at most
// half full.
template <typename Node>
void BasicTable<Node>::try_merge(uint32_t place) {
  Segment* segment = segment_of(place);
  const unsigned depth = segment->depth;
  const uint32_t bit = uint32_t{1} << (32 - depth);
  Segment* buddy = segment_of(segment->prefix ^ bit);
  const size_t half = size_t{buckets_} * kSlotsPerBucket / 2;
  if (buddy->depth != depth || segment->count + buddy->count > half) return;
  point_directory_at(make_segment(depth - 1, segment->prefix & ~bit));
  for (Segment* half_of : {segment, buddy}) {
    move_entries(half_of, all_buckets());
    free_segment(half_of);
  }
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
  const size_t slots = size_t{all_buckets()} * kSlotsPerBucket;
  const bool sparse = size_ * 16 < slot_count();
  for (unsigned attempt = 0; !sparse && attempt < kAttempts; ++attempt) {
    random = random * 0x5851f42d4c957f2dULL + 0x14057b7ef767814fULL;
    const size_t index = static_cast<size_t>(((random >> 32) << depth_) >> 32);
    Segment& segment = *directory_[index];
    if (directory_index(segment.prefix) != index) continue;
    const size_t at = static_cast<size_t>((random & 0xffffffff) * slots >> 32);
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
  for (size_t i = 0; i < directory_size();) {
    Segment* segment = directory_[i];
    const size_t span = size_t{1} << (depth_ - segment->depth);
    CHECK(segment->depth <= depth_);
    CHECK(directory_index(segment->prefix) == i);
    for (size_t k = 0; k < span; ++k) CHECK(directory_[i + k] == segment);
    size_t count = 0;
    for (unsigned b = 0; b < all_buckets(); ++b) {
      for (const Slot slot : segment->buckets()[b].slots) {
        const Node* entry = entry_of(slot);
        if (entry == nullptr) continue;
        ++count;
        const HashPlace where = place_of(entry, shard_bits_);
        CHECK(segment_of(where.place) == segment);
        CHECK(slot >> 48 == where.tag);
        const unsigned home = bucket_of(where.place);
        if (b >= buckets_) {
          CHECK(segment->buckets()[home].slots[1] & kOverflow);
        } else if (slot & kDisplaced) {
          CHECK(next_of(home) == b);
          CHECK(segment->buckets()[home].slots[0] & kOverflow);
        } else {
          CHECK(home == b);
        }
      }
    }
    CHECK(count == segment->count);
    entries += count;
    ++segments;
    i += span;
  }
  CHECK(entries == size_);
  CHECK(segments == segments_);
}

template class BasicTable<Entry>;
template class BasicTable<Element>;

}  // namespace larder
