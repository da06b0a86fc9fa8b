#include "storage/table.h"

#include <malloc.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "storage/entry.h"

namespace larder {

static_assert(Table::kBucketsMax < 128, "a cursor has seven bits for the bucket");

Table::Table(unsigned buckets, unsigned shard_bits, PlaceOf place_of)
    : buckets_(buckets), shard_bits_(shard_bits), place_of_(place_of) {
  CHECK(buckets >= kBucketsMin && buckets <= kBucketsMax);
  directory_.push_back(make_segment(0, 0));
}

Table::~Table() {
  for (size_t i = 0; i < directory_.size();) {
    Segment* segment = directory_[i];
    i += size_t{1} << (depth_ - segment->depth);
    std::free(segment);
  }
}

// Bit 4i + 3 is set when slot i of the bucket carries the tag.
inline uint32_t Table::tag_matches(const Bucket& bucket, uint16_t tag) {
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

inline Table::Slot* Table::find_in(Bucket& bucket, HashPlace where, Bytes key) {
  for (uint32_t left = tag_matches(bucket, where.tag); left != 0; left &= left - 1) {
    Slot* slot = &bucket.slots[__builtin_ctz(left) / 4];
    const Entry* entry = entry_of(*slot);
    if (entry != nullptr && entry->key() == key) return slot;
  }
  return nullptr;
}

Table::Slot* Table::find(HashPlace where, Bytes key) {
  Bucket* buckets = segment_of(where.place)->buckets();
  const unsigned home = bucket_of(where.place);
  Bucket& bucket = buckets[home];
  if (Slot* slot = find_in(bucket, where, key)) return slot;
  if (bucket.slots[0] & kOverflow) {
    if (Slot* slot = find_in(buckets[next_of(home)], where, key)) return slot;
  }
  if (bucket.slots[1] & kOverflow) {
    for (unsigned i = 0; i < kStashBuckets; ++i) {
      if (Slot* slot = find_in(buckets[buckets_ + i], where, key)) return slot;
    }
  }
  return nullptr;
}

void Table::prefetch_entry(HashPlace where) const {
  const Bucket& bucket = home_bucket(where);
  for (uint32_t left = tag_matches(bucket, where.tag); left != 0; left &= left - 1) {
    // Two lines: the header with the key, and most of a small value.
    const Entry* entry = entry_of(bucket.slots[__builtin_ctz(left) / 4]);
    __builtin_prefetch(entry);
    __builtin_prefetch(reinterpret_cast<const char*>(entry) + 64);
  }
}

void Table::replace(Slot* slot, Entry* entry) {
  *slot = (*slot & ~kPointerMask) | reinterpret_cast<uint64_t>(entry);
}

void Table::put(Slot* slot, uint16_t tag, Entry* entry, uint64_t displaced) {
  *slot = uint64_t{tag} << 48 | reinterpret_cast<uint64_t>(entry) | (*slot & kOverflow) | displaced;
}

Table::Slot* Table::free_slot(Bucket& bucket) {
  for (Slot& slot : bucket.slots) {
    if ((slot & kPointerMask) == 0) return &slot;
  }
  return nullptr;
}

void Table::insert(HashPlace where, Entry* entry) {
  while (!try_insert(*segment_of(where.place), where, entry)) split(segment_of(where.place));
  ++size_;
}

bool Table::try_insert(Segment& segment, HashPlace where, Entry* entry) {
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
  for (unsigned i = 0; i < kStashBuckets; ++i) {
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
bool Table::try_make_room(Segment& segment, unsigned bucket) {
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

void Table::erase(HashPlace where, Slot* slot) {
  Segment& segment = *segment_of(where.place);
  *slot &= kOverflow;
  --segment.count;
  --size_;
  // Merging at a quarter leaves room to grow before the next split.
  if (segment.depth > 0 && segment.count < buckets_ * kSlotsPerBucket / 4) try_merge(where.place);
}

Table::Segment* Table::make_segment(unsigned depth, uint32_t prefix) {
  const size_t bytes = sizeof(Segment) + (buckets_ + kStashBuckets) * sizeof(Bucket);
  auto* segment = static_cast<Segment*>(std::aligned_alloc(64, bytes));
  CHECK(segment != nullptr);
  std::memset(static_cast<void*>(segment), 0, bytes);
  segment->prefix = prefix;
  segment->depth = depth;
  segments_bytes_ += malloc_usable_size(segment);
  ++segments_;
  return segment;
}

void Table::free_segment(Segment* segment) {
  segments_bytes_ -= malloc_usable_size(segment);
  --segments_;
  std::free(segment);
}

void Table::point_directory_at(Segment* segment) {
  const size_t first = directory_index(segment->prefix);
  const size_t count = size_t{1} << (depth_ - segment->depth);
  for (size_t i = 0; i < count; ++i) directory_[first + i] = segment;
}

void Table::split(Segment* segment) {
  CHECK(segment->depth < kDepthMax);
  if (segment->depth == depth_) {
    std::vector<Segment*> twice(directory_.size() * 2);
    for (size_t i = 0; i < twice.size(); ++i) twice[i] = directory_[i / 2];
    directory_.swap(twice);
    ++depth_;
  }
  const unsigned depth = segment->depth + 1;
  const uint32_t upper = segment->prefix | (uint32_t{1} << (32 - depth));
  point_directory_at(make_segment(depth, segment->prefix));
  point_directory_at(make_segment(depth, upper));
  move_entries(segment);
}

// Puts the entries of a segment that is no longer in the directory where they belong now.
void Table::move_entries(Segment* from) {
  Bucket* buckets = from->buckets();
  for (unsigned i = 0; i < buckets_ + kStashBuckets; ++i) {
    if (i + 1 < buckets_ + kStashBuckets) {
      for (const Slot slot : buckets[i + 1].slots) __builtin_prefetch(entry_of(slot));
    }
    for (const Slot slot : buckets[i].slots) {
      Entry* entry = entry_of(slot);
      if (entry == nullptr) continue;
      --size_;
      insert(place_of_(entry, shard_bits_), entry);
    }
  }
  free_segment(from);
}

// Joins the segment of `place` with its other half if both together are at most half full.
void Table::try_merge(uint32_t place) {
  Segment* segment = segment_of(place);
  const unsigned depth = segment->depth;
  const uint32_t bit = uint32_t{1} << (32 - depth);
  Segment* buddy = segment_of(segment->prefix ^ bit);
  const size_t half = size_t{buckets_} * kSlotsPerBucket / 2;
  if (buddy->depth != depth || segment->count + buddy->count > half) return;
  point_directory_at(make_segment(depth - 1, segment->prefix & ~bit));
  move_entries(segment);
  move_entries(buddy);
  try_halve_directory();
}

void Table::try_halve_directory() {
  while (depth_ > 0) {
    for (const Segment* segment : directory_) {
      if (segment->depth == depth_) return;
    }
    std::vector<Segment*> half(directory_.size() / 2);
    for (size_t i = 0; i < half.size(); ++i) half[i] = directory_[i * 2];
    directory_.swap(half);
    --depth_;
  }
}

Entry* Table::sample(uint64_t random) {
  if (size_ == 0) return nullptr;
  // A random slot of a random place; from an empty one on to the next that is taken. Directory
  // entries that share a segment make it as likely as its share of the hash range.
  for (unsigned attempt = 0;; ++attempt) {
    random = random * 0x5851f42d4c957f2dULL + 0x14057b7ef767814fULL;
    const auto place = static_cast<uint32_t>(random >> 32);
    Segment& segment = *segment_of(place);
    if (segment.count == 0) {
      if (attempt < 64) continue;
      break;
    }
    const size_t slots = size_t{buckets_ + kStashBuckets} * kSlotsPerBucket;
    Slot* first = segment.buckets()->slots;
    const size_t start = static_cast<size_t>((random & 0xffffffff) * slots >> 32);
    // While the segment is reasonably full, retrying is fairer than walking on.
    const size_t walk = attempt < 16 ? 1 : slots;
    for (size_t i = 0; i < walk; ++i) {
      if (Entry* entry = entry_of(first[(start + i) % slots])) return entry;
    }
  }
  for (Segment* segment : directory_) {
    if (segment->count == 0) continue;
    Slot* first = segment->buckets()->slots;
    for (size_t i = 0;; ++i) {
      if (Entry* entry = entry_of(first[i])) return entry;
    }
  }
  return nullptr;
}

void Table::validate() const {
  size_t entries = 0;
  size_t segments = 0;
  for (size_t i = 0; i < directory_.size();) {
    Segment* segment = directory_[i];
    const size_t span = size_t{1} << (depth_ - segment->depth);
    CHECK(segment->depth <= depth_);
    CHECK(directory_index(segment->prefix) == i);
    for (size_t k = 0; k < span; ++k) CHECK(directory_[i + k] == segment);
    size_t count = 0;
    for (unsigned b = 0; b < buckets_ + kStashBuckets; ++b) {
      for (const Slot slot : segment->buckets()[b].slots) {
        const Entry* entry = entry_of(slot);
        if (entry == nullptr) continue;
        ++count;
        const HashPlace where = place_of_(entry, shard_bits_);
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

}  // namespace larder
