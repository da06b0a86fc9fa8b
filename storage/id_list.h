// Entries by stream id, in order, in chunks, so that a million of them are as quick as a few.
//
//   chunks_: | Chunk* | Chunk* | ...      sorted, none empty
//   Chunk:   | count | entry | entry | ... up to kChunk
//
// Entry is trivially copyable and has an `id`.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include "base/check.h"
#include "storage/slab_array.h"
#include "storage/stream_id.h"

namespace larder {

template <typename Entry, size_t kChunk>
class IdList {
 public:
  explicit IdList(Slab& slab) : slab_(slab), chunks_(slab) {}
  ~IdList() {
    for (Chunk* chunk : chunks_) slab_.release(chunk, sizeof(Chunk));
  }
  IdList(const IdList&) = delete;
  IdList& operator=(const IdList&) = delete;

  size_t size() const { return size_; }
  Entry* find(StreamId id) {
    Entry* found = at_or_after(id);
    return found != nullptr && found->id == id ? found : nullptr;
  }
  // The entry of the id, made when it is not there.
  Entry& put(StreamId id);
  // Removes the entry of the id and returns it.
  std::optional<Entry> take(StreamId id);
  // The first at or behind an id; null when there is none. Valid until the list changes.
  Entry* at_or_after(StreamId id) {
    return const_cast<Entry*>(static_cast<const IdList*>(this)->at_or_after(id));
  }
  const Entry* at_or_after(StreamId id) const;
  const Entry* last() const {
    return chunks_.empty() ? nullptr : &chunks_.back()->entries[chunks_.back()->count - 1];
  }
  size_t memory_bytes() const {
    return chunks_.memory_bytes() + chunks_.size() * Slab::usable(sizeof(Chunk));
  }
  void validate() const;

 private:
  struct Chunk {
    size_t count;
    Entry entries[kChunk];

    Entry* end() { return entries + count; }
    Entry* at_or_after(StreamId id) {
      return std::lower_bound(entries, end(), id,
                              [](const Entry& each, StreamId wanted) { return each.id < wanted; });
    }
  };

  // Index of the chunk that holds an id, or would.
  size_t chunk_of(StreamId id) const;
  Chunk* make_chunk() {
    auto* chunk = static_cast<Chunk*>(slab_.allocate(sizeof(Chunk)));
    chunk->count = 0;
    return chunk;
  }
  void split(size_t index);

  Slab& slab_;
  SlabArray<Chunk*> chunks_;
  size_t size_ = 0;
};

template <typename Entry, size_t kChunk>
size_t IdList<Entry, kChunk>::chunk_of(StreamId id) const {
  const auto behind = std::upper_bound(
      chunks_.begin(), chunks_.end(), id,
      [](StreamId wanted, const Chunk* chunk) { return wanted < chunk->entries[0].id; });
  const auto index = static_cast<size_t>(behind - chunks_.begin());
  return index == 0 ? 0 : index - 1;
}

template <typename Entry, size_t kChunk>
const Entry* IdList<Entry, kChunk>::at_or_after(StreamId id) const {
  if (chunks_.empty()) return nullptr;
  const size_t index = chunk_of(id);
  const Entry* found = chunks_[index]->at_or_after(id);
  if (found != chunks_[index]->end()) return found;
  return index + 1 < chunks_.size() ? chunks_[index + 1]->entries : nullptr;
}

// Mostly behind all others.
template <typename Entry, size_t kChunk>
Entry& IdList<Entry, kChunk>::put(StreamId id) {
  if (chunks_.empty()) chunks_.push_back(make_chunk());
  size_t index = size_ == 0 || last()->id < id ? chunks_.size() - 1 : chunk_of(id);
  Entry* at = chunks_[index]->at_or_after(id);
  if (at != chunks_[index]->end() && at->id == id) return *at;
  if (chunks_[index]->count == kChunk) {
    split(index);
    index = chunk_of(id);
    at = chunks_[index]->at_or_after(id);
  }
  Chunk& chunk = *chunks_[index];
  std::copy_backward(at, chunk.end(), chunk.end() + 1);
  *at = Entry{.id = id};
  ++chunk.count;
  ++size_;
  return *at;
}

// The last chunk is left nearly full: entries mostly come in order.
template <typename Entry, size_t kChunk>
void IdList<Entry, kChunk>::split(size_t index) {
  Chunk& full = *chunks_[index];
  Chunk* upper = make_chunk();
  const size_t keep = index + 1 == chunks_.size() ? kChunk - 1 : kChunk / 2;
  upper->count = kChunk - keep;
  std::copy(full.entries + keep, full.end(), upper->entries);
  full.count = keep;
  chunks_.insert(index + 1, upper);
}

template <typename Entry, size_t kChunk>
std::optional<Entry> IdList<Entry, kChunk>::take(StreamId id) {
  if (chunks_.empty()) return {};
  const size_t index = chunk_of(id);
  Chunk* chunk = chunks_[index];
  Entry* found = chunk->at_or_after(id);
  if (found == chunk->end() || found->id != id) return {};
  const Entry taken = *found;
  std::copy(found + 1, chunk->end(), found);
  --size_;
  if (--chunk->count == 0) {
    slab_.release(chunk, sizeof(Chunk));
    chunks_.erase(index);
  }
  return taken;
}

template <typename Entry, size_t kChunk>
void IdList<Entry, kChunk>::validate() const {
  size_t count = 0;
  const Entry* previous = nullptr;
  for (const Chunk* chunk : chunks_) {
    CHECK(chunk->count > 0 && chunk->count <= kChunk);
    for (size_t i = 0; i < chunk->count; ++i) {
      CHECK(previous == nullptr || previous->id < chunk->entries[i].id);
      previous = &chunk->entries[i];
    }
    count += chunk->count;
  }
  CHECK(count == size_);
}

}  // namespace larder
