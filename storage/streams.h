// Streams: entries of field-value pairs in order of their ids, and the consumer groups that read
// them.
//
//   Stream -> blocks_: | first id, Block* | first id, Block* | ...     sorted, binary search
//             Block:   | header | entry | entry | ...                  up to ~100 entries or 4 KiB
//             entry:   | flags 1 B | ms - first.ms | seq | items |     varints; see below
//
//   flags 1  deleted: stays until all entries of its block are. Its id may be above those that
//            follow: XSETID may go back to the last entry that is there
//         2  the fields are those of the block's first entry: only the values follow
//   seq      minus the first id's when the milliseconds are equal to its
//   items    a Pack's items: a count of pairs (without flag 2), then fields and values
//
//   Group -> pending_: by id | consumer, delivery time, deliveries |
//         -> consumers_ -> ids_: by id, of the consumer's own pending entries
//
// An entry of a stream whose entries have the same fields costs three to five bytes beside its
// values. Everything lives in the object's slab.
// Source: https://redis.io/docs/latest/develop/data-types/streams/
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/id_list.h"
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
  explicit StreamConsumer(Slab& slab) : ids_(slab) {}

  Bytes name() const { return {name_, name_bytes_}; }
  size_t pending() const { return ids_.size(); }
  // The first of its pending ids at or behind an id.
  std::optional<StreamId> pending_from(StreamId id) const {
    const StreamPendingId* found = ids_.at_or_after(id);
    return found == nullptr ? std::nullopt : std::optional(found->id);
  }

  int64_t seen_ms = 0;     // Unix time of the last attempt to do anything
  int64_t active_ms = -1;  // of the last success; -1: never

 private:
  friend class Stream;
  friend class StreamGroup;
  struct StreamPendingId {
    StreamId id;
  };
  const char* name_ = nullptr;
  size_t name_bytes_ = 0;
  IdList<StreamPendingId, 32> ids_;  // a second time, so that nobody walks the whole group's
};

// An entry delivered and not acknowledged yet.
struct StreamPending {
  StreamId id;
  StreamConsumer* consumer = nullptr;
  int64_t delivered_ms = 0;
  uint64_t deliveries = 0;
};
using PendingList = IdList<StreamPending, 64>;

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
  void free_consumer(StreamConsumer* consumer);

  Slab& slab_;
  const char* name_;
  size_t name_bytes_;
  SlabArray<StreamConsumer*> consumers_;  // sorted by name
  PendingList pending_;
};

class Stream final : public Object {
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

  // What the words of an entry may take together, as in Redis.
  static constexpr size_t kEntryBytesMax = size_t{1} << 30;
  static bool fits(std::span<const Bytes> items);
  // Adds an entry behind all others. `items` are fields and values in turn, which fit.
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
  void each(StreamId first, StreamId last, bool reverse, Visit visit) const {
    reverse ? each_backwards(first, last, visit) : each_forwards(first, last, visit);
  }
  // The same for those of one block, by its index.
  template <typename Visit>
  void each_of_block(size_t index, Visit visit) const;
  size_t block_length(size_t index) const;
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
    StreamId id;
    bool deleted = false;
    bool same_fields = false;
  };
  // Where the fields of a block's first entry begin, and how many there are.
  struct Fields {
    size_t at = 0;
    uint64_t count = 0;
  };
  // An entry with the texts of those of its items that are kept as integers.
  struct Text {
    StreamEntry entry;
    std::vector<IntegerText> numbers;
  };

  template <typename Visit>
  void each_forwards(StreamId first, StreamId last, Visit visit) const;
  template <typename Visit>
  void each_backwards(StreamId first, StreamId last, Visit visit) const;
  static Bytes bytes_of(const Block& block);
  static Place place_at(const BlockRef& ref, size_t offset);
  static Fields fields_of(const BlockRef& ref);
  static size_t used_bytes(const Block& block);
  // The offset behind an entry, by a walk over its items.
  static size_t end_of(const BlockRef& ref, const Place& place, const Fields& fields);
  // Calls visit(const Place&) for the block's entries from an offset on until it returns false.
  template <typename Visit>
  static void each_place(const BlockRef& ref, size_t offset, Visit visit);
  // Calls visit(const StreamEntry&, the offset behind it) for the block's entries from an offset on
  // that are there and lie in a range, until it returns false or the range is over; returns false
  // then.
  template <typename Visit>
  static bool each_live(const BlockRef& ref, size_t offset, StreamId first, StreamId last,
                        Text& text, Visit visit);
  // Returns the offset behind the entry, too.
  static size_t read(const BlockRef& ref, const Place& place, const Fields& fields, Text& text);
  bool same_fields(const BlockRef& ref, std::span<const Bytes> items) const;
  // What the names of a block's first entry take, which later ones share.
  static size_t name_bytes(const BlockRef& ref);
  static bool is_full(const BlockRef& ref, size_t more, const StreamLimits& limits);
  Block* make_block(size_t capacity);
  void free_block(Block* block);
  Block* resize(Block* block, size_t capacity);
  // Index of the last block that begins at or before an id; 0 when none does.
  size_t block_of(StreamId id) const;
  void drop_block(size_t index);
  size_t trim(size_t most, StreamId from, bool approximate, size_t limit);
  size_t trim_front_entries(size_t most, StreamId from);
  StreamId last_of_front();
  void note_deleted(StreamId id);

  // Where a read stopped: the next one, of a queue, mostly begins behind it. Forgotten when a block
  // goes, as another one may begin with the same id.
  struct Reached {
    StreamId block_first = StreamId::max();
    StreamId id;
    size_t end = 0;
  };

  // What trims learned of the first block; forgotten when that goes.
  struct Front {
    size_t dead_bytes = 0;         // of deleted entries at its beginning, at least
    std::optional<StreamId> last;  // its last id, when another block follows
  };

  SlabArray<BlockRef> blocks_;
  SlabArray<StreamGroup*> groups_;
  mutable Reached reached_;
  Front front_;
  mutable std::optional<StreamId> last_entry_;  // as long as it is known
  size_t length_ = 0;
  StreamId last_id_;
  StreamId max_deleted_id_;
  uint64_t entries_added_ = 0;
};

template <typename Visit>
void Stream::each_place(const BlockRef& ref, size_t offset, Visit visit) {
  const Fields fields = fields_of(ref);
  for (const size_t end = used_bytes(*ref.block); offset < end;) {
    const Place place = place_at(ref, offset);
    if (!visit(place)) return;
    offset = end_of(ref, place, fields);
  }
}

template <typename Visit>
bool Stream::each_live(const BlockRef& ref, size_t offset, StreamId first, StreamId last,
                       Text& text, Visit visit) {
  const Fields fields = fields_of(ref);
  for (const size_t end = used_bytes(*ref.block); offset < end;) {
    const Place place = place_at(ref, offset);
    if (!place.deleted && place.id > last) return false;
    if (place.deleted || place.id < first) {
      offset = end_of(ref, place, fields);
      continue;
    }
    offset = read(ref, place, fields, text);
    if (!visit(static_cast<const StreamEntry&>(text.entry), offset)) return false;
  }
  return true;
}

template <typename Visit>
void Stream::each_of_block(size_t index, Visit visit) const {
  Text text;
  each_live(blocks_[index], 0, {}, StreamId::max(), text,
            [&](const StreamEntry& entry, size_t) { return visit(entry); });
}

template <typename Visit>
void Stream::each_forwards(StreamId first, StreamId last, Visit visit) const {
  if (first > last || blocks_.empty()) return;
  Text text;
  const size_t high = block_of(last);
  const size_t low = block_of(first);
  for (size_t i = low; i <= high; ++i) {
    const BlockRef& ref = blocks_[i];
    const bool jump = i == low && reached_.block_first == ref.first && reached_.id < first;
    const size_t from = jump ? reached_.end : i == 0 ? front_.dead_bytes : 0;
    const auto note_and_visit = [&](const StreamEntry& entry, size_t end) {
      reached_ = {ref.first, entry.id, end};
      return visit(entry);
    };
    if (!each_live(ref, from, first, last, text, note_and_visit)) return;
  }
}

template <typename Visit>
void Stream::each_backwards(StreamId first, StreamId last, Visit visit) const {
  if (first > last || blocks_.empty()) return;
  Text text;
  std::vector<Place> places;
  const size_t low = block_of(first);
  for (size_t i = block_of(last) + 1; i > low; --i) {
    const BlockRef& ref = blocks_[i - 1];
    const Fields fields = fields_of(ref);
    places.clear();
    each_place(ref, 0, [&](const Place& place) {
      if (place.deleted) return true;
      if (place.id > last) return false;
      if (place.id >= first) places.push_back(place);
      return true;
    });
    for (auto place = places.rbegin(); place != places.rend(); ++place) {
      read(ref, *place, fields, text);
      if (!visit(static_cast<const StreamEntry&>(text.entry))) return;
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
