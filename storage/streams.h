// Streams: entries of field-value pairs in order of their ids, and the consumer groups that read
// them.
//
//   Stream -> blocks_: | first id, Block* | first id, Block* | ...     sorted, binary search
//             Block:   | header | entry | entry | ...                  up to ~100 entries or 4 KiB
//             entry:   | flags 1 B | ms - first.ms | seq | items |     varints; see below
//
//   flags 1  deleted: stays until all entries of its block are
//         2  the fields are those of the block's first entry: only the values follow
//   seq      minus the first id's when the milliseconds are equal to its
//   items    a Pack's items: a count of pairs (without flag 2), then fields and values
//
//   Group -> pending_: by id | consumer, delivery time, deliveries |
//
// An entry of a stream whose entries have the same fields costs three to five bytes beside its
// values. Everything lives in the object's slab.
// Source: https://redis.io/docs/latest/develop/data-types/streams/
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/keyspace.h"
#include "storage/object.h"
#include "storage/slab_array.h"
#include "storage/stream_id.h"

namespace larder {

// How large blocks grow: `stream-node-max-entries`, `stream-node-max-bytes`; 0 is no limit.
struct StreamLimits {
  size_t entries = 100;
  size_t bytes = 4096;
};

// An entry read: views into the stream, valid until it is changed.
struct StreamEntry {
  StreamId id;
  std::vector<Bytes> items;  // field, value, field, value, ...
};

class StreamConsumer {
 public:
  Bytes name() const { return {name_, name_bytes_}; }

  int64_t seen_ms = 0;     // Unix time of the last attempt to do anything
  int64_t active_ms = -1;  // of the last success; -1: never
  size_t pending = 0;

 private:
  friend class StreamGroup;
  const char* name_ = nullptr;
  size_t name_bytes_ = 0;
};

// An entry delivered and not acknowledged yet.
struct StreamPending {
  StreamId id;
  StreamConsumer* consumer = nullptr;
  int64_t delivered_ms = 0;
  uint64_t deliveries = 0;
};

// Pending entries by id, in chunks, so that a million of them are as quick as a few.
class PendingList {
 public:
  explicit PendingList(Slab& slab) : slab_(slab), chunks_(slab) {}
  ~PendingList();
  PendingList(const PendingList&) = delete;
  PendingList& operator=(const PendingList&) = delete;

  size_t size() const { return size_; }
  StreamPending* find(StreamId id);
  // The entry of the id, made when it is not there.
  StreamPending& put(StreamId id);
  bool remove(StreamId id);
  // The first at or behind an id; null when there is none. Valid until the list changes.
  StreamPending* at_or_after(StreamId id);
  const StreamPending* last() const;
  size_t memory_bytes() const;
  void validate() const;

 private:
  static constexpr size_t kChunk = 64;
  struct Chunk {
    size_t count;
    StreamPending entries[kChunk];
  };

  // Index of the chunk that holds an id, or would; chunks are not empty.
  size_t chunk_of(StreamId id) const;
  void split(size_t index);

  Slab& slab_;
  SlabArray<Chunk*> chunks_;
  size_t size_ = 0;
};

class StreamGroup {
 public:
  StreamGroup(Slab& slab, Bytes name);
  ~StreamGroup();

  Bytes name() const { return {name_, name_bytes_}; }
  StreamConsumer* find_consumer(Bytes name);
  // Null when it was there already.
  StreamConsumer* add_consumer(Bytes name, int64_t now_ms);
  // Returns how many pending entries went with it.
  size_t remove_consumer(StreamConsumer* consumer);
  const SlabArray<StreamConsumer*>& consumers() const { return consumers_; }
  PendingList& pending() { return pending_; }
  const PendingList& pending() const { return pending_; }
  // Notes a delivery to a consumer.
  void assign(StreamId id, StreamConsumer* consumer, int64_t now_ms, uint64_t deliveries);
  bool acknowledge(StreamId id);
  size_t memory_bytes() const;

  StreamId last_id;           // last delivered
  int64_t entries_read = -1;  // as far as known; -1: not

 private:
  friend class Stream;
  Slab& slab_;
  const char* name_;
  size_t name_bytes_;
  SlabArray<StreamConsumer*> consumers_;  // sorted by name
  PendingList pending_;
};

class Stream : public Object {
 public:
  explicit Stream(Slab& slab) : Object(slab), blocks_(slab), groups_(slab) {}
  ~Stream();

  size_t elements() const override { return length_; }
  size_t memory_bytes() const override;
  Object* clone(Slab& slab) const override;
  void destroy() override { destroy_as(this); }
  void validate() const override;

  size_t length() const { return length_; }
  StreamId last_id() const { return last_id_; }
  StreamId max_deleted_id() const { return max_deleted_id_; }
  // Of the last entry that is there; {} without one.
  StreamId last_entry_id() const;
  uint64_t entries_added() const { return entries_added_; }
  size_t block_count() const { return blocks_.size(); }
  std::optional<StreamId> first_id() const;
  // XSETID and RESTORE.
  void set_last_id(StreamId id) { last_id_ = id; }
  void set_entries_added(uint64_t count) { entries_added_ = count; }
  void set_max_deleted_id(StreamId id) { max_deleted_id_ = id; }

  // Adds an entry behind all others. `items` are fields and values in turn.
  void append(StreamId id, std::span<const Bytes> items, const StreamLimits& limits);
  bool remove(StreamId id);
  // Removes the oldest entries until `most` are left. With `approximate` only whole blocks go; at
  // most `limit` entries (0: no limit). Returns how many went.
  size_t trim_to_length(size_t most, bool approximate, size_t limit);
  // The same for entries with an id below `from`.
  size_t trim_below(StreamId from, bool approximate, size_t limit);

  // Calls visit(const StreamEntry&) for the entries from `first` to `last`, both included, in order
  // or in reverse, until it returns false.
  template <typename Visit>
  void each(StreamId first, StreamId last, bool reverse, Visit visit) const;
  bool contains(StreamId id) const;
  // How many entries lie behind `id` in a stream read from its beginning, as far as it can be told
  // without counting; -1 when not.
  int64_t entries_read_at(StreamId id) const;

  const SlabArray<StreamGroup*>& groups() const { return groups_; }  // sorted by name
  StreamGroup* find_group(Bytes name) const;
  // Null when there is one of the name.
  StreamGroup* add_group(Bytes name, StreamId last, int64_t entries_read);
  bool remove_group(Bytes name);

 private:
  struct Block;
  struct BlockRef {
    StreamId first;
    Block* block;
  };
  // An entry where it stands in its block.
  struct Place {
    size_t at = 0;
    size_t items_at = 0;
    size_t end = 0;
    StreamId id;
    bool deleted = false;
    bool same_fields = false;
  };

  static Bytes bytes_of(const Block& block);
  static Place place_at(const BlockRef& ref, size_t offset);
  static void places_of(const BlockRef& ref, std::vector<Place>& places);
  void read(const BlockRef& ref, const Place& place, StreamEntry& entry,
            std::deque<IntegerText>& numbers) const;
  bool same_fields(const BlockRef& ref, std::span<const Bytes> items) const;
  bool is_full(const Block& block, size_t more, const StreamLimits& limits) const;
  Block* make_block(size_t capacity);
  void free_block(Block* block);
  Block* resize(Block* block, size_t capacity);
  // Index of the last block that begins at or before an id; 0 when none does.
  size_t block_of(StreamId id) const;
  void drop_front_block();
  size_t trim(size_t most, StreamId from, bool approximate, size_t limit);
  void note_deleted(StreamId id);

  SlabArray<BlockRef> blocks_;
  SlabArray<StreamGroup*> groups_;
  size_t length_ = 0;
  StreamId last_id_;
  StreamId max_deleted_id_;
  uint64_t entries_added_ = 0;
};

template <typename Visit>
void Stream::each(StreamId first, StreamId last, bool reverse, Visit visit) const {
  if (first > last || blocks_.empty()) return;
  StreamEntry entry;
  std::vector<Place> places;
  std::deque<IntegerText> numbers;  // texts of items that are kept as integers
  const size_t low = block_of(first);
  const size_t high = block_of(last);
  for (size_t i = 0; i <= high - low; ++i) {
    const BlockRef& ref = blocks_[reverse ? high - i : low + i];
    places_of(ref, places);
    for (size_t k = 0; k < places.size(); ++k) {
      const Place& place = places[reverse ? places.size() - 1 - k : k];
      if (place.deleted || place.id < first || place.id > last) continue;
      read(ref, place, entry, numbers);
      if (!visit(static_cast<const StreamEntry&>(entry))) return;
    }
  }
}

// The stream of an entry, which must be one.
inline Stream& stream_of(const Entry& entry) {
  return *static_cast<Stream*>(Keyspace::object_of(entry));
}
// The stream under a key, made when there is none (`item` null).
Stream& make_stream(Keyspace& keyspace, const Key& key, Item& item);

}  // namespace larder
