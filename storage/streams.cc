#include "storage/streams.h"

#include <algorithm>

#include "base/check.h"
#include "storage/pack.h"

namespace larder {
namespace {

constexpr uint8_t kDeleted = 1;
constexpr uint8_t kSameFields = 2;

void append_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

uint64_t read_varint(Bytes bytes, size_t& at) {
  uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes[at++]);
    value |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
}

const char* copy_bytes(Slab& slab, Bytes bytes) {
  auto* copy = static_cast<char*>(slab.allocate(std::max<size_t>(bytes.size(), 1)));
  std::memcpy(copy, bytes.data(), bytes.size());
  return copy;
}

void release_bytes(Slab& slab, const char* bytes, size_t size) {
  slab.release(const_cast<char*>(bytes), std::max<size_t>(size, 1));
}

size_t usable_bytes(size_t size) { return Slab::usable(std::max<size_t>(size, 1)); }

// Where an element of this name is, or would be inserted, in an array sorted by name.
template <typename T>
size_t place_of_name(const SlabArray<T*>& array, Bytes name) {
  const auto found = std::lower_bound(array.begin(), array.end(), name,
                                      [](const T* each, Bytes n) { return each->name() < n; });
  return static_cast<size_t>(found - array.begin());
}

template <typename T>
T* find_name(const SlabArray<T*>& array, Bytes name) {
  const size_t place = place_of_name(array, name);
  return place < array.size() && array[place]->name() == name ? array[place] : nullptr;
}

}  // namespace

// ---- Groups

StreamGroup::StreamGroup(Slab& slab, Bytes name)
    : slab_(slab),
      name_(copy_bytes(slab, name)),
      name_bytes_(name.size()),
      consumers_(slab),
      pending_(slab) {}

StreamGroup::~StreamGroup() {
  for (StreamConsumer* consumer : consumers_) free_consumer(consumer);
  release_bytes(slab_, name_, name_bytes_);
}

void StreamGroup::free_consumer(StreamConsumer* consumer) {
  release_bytes(slab_, consumer->name_, consumer->name_bytes_);
  consumer->~StreamConsumer();
  slab_.release(consumer, sizeof(StreamConsumer));
}

StreamConsumer* StreamGroup::find_consumer(Bytes name) { return find_name(consumers_, name); }

StreamConsumer* StreamGroup::add_consumer(Bytes name, int64_t now_ms) {
  if (find_consumer(name) != nullptr) return nullptr;
  auto* consumer = new (slab_.allocate(sizeof(StreamConsumer))) StreamConsumer(slab_);
  consumer->name_ = copy_bytes(slab_, name);
  consumer->name_bytes_ = name.size();
  consumer->seen_ms = now_ms;
  consumers_.insert(place_of_name(consumers_, name), consumer);
  return consumer;
}

size_t StreamGroup::remove_consumer(StreamConsumer* consumer) {
  const size_t pending = consumer->pending();
  while (const auto id = consumer->pending_from({})) acknowledge(*id);
  consumers_.erase(place_of_name(consumers_, consumer->name()));
  free_consumer(consumer);
  return pending;
}

void StreamGroup::assign(StreamId id, StreamConsumer* consumer, int64_t now_ms,
                         uint64_t deliveries) {
  StreamPending& entry = pending_.put(id);
  if (entry.consumer != consumer) {
    if (entry.consumer != nullptr) (void)entry.consumer->ids_.take(id);
    consumer->ids_.put(id);
  }
  entry.consumer = consumer;
  entry.delivered_ms = now_ms;
  entry.deliveries = deliveries;
}

bool StreamGroup::acknowledge(StreamId id) {
  const auto entry = pending_.take(id);
  if (!entry) return false;
  (void)entry->consumer->ids_.take(id);
  return true;
}

size_t StreamGroup::memory_bytes() const {
  size_t bytes = Slab::usable(sizeof(StreamGroup)) + usable_bytes(name_bytes_) +
                 consumers_.memory_bytes() + pending_.memory_bytes();
  for (const StreamConsumer* consumer : consumers_) {
    bytes += Slab::usable(sizeof(StreamConsumer)) + usable_bytes(consumer->name_bytes_) +
             consumer->ids_.memory_bytes();
  }
  return bytes;
}

// ---- Entries

struct Stream::Block {
  uint32_t capacity;  // of the bytes behind this header
  uint32_t used;
  uint32_t entries;  // deleted ones too
  uint32_t deleted;

  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
};

Bytes Stream::bytes_of(const Block& block) { return {block.bytes(), block.used}; }

Stream::Block* Stream::make_block(size_t capacity) {
  auto* block = static_cast<Block*>(slab().allocate(sizeof(Block) + capacity));
  *block = {static_cast<uint32_t>(capacity), 0, 0, 0};
  return block;
}

void Stream::free_block(Block* block) { slab().release(block, sizeof(Block) + block->capacity); }

Stream::Block* Stream::resize(Block* block, size_t capacity) {
  Block* other = make_block(capacity);
  other->used = block->used;
  other->entries = block->entries;
  other->deleted = block->deleted;
  std::memcpy(other->bytes(), block->bytes(), block->used);
  free_block(block);
  return other;
}

Stream::~Stream() {
  for (const BlockRef& ref : blocks_) free_block(ref.block);
  for (StreamGroup* group : groups_) {
    group->~StreamGroup();
    slab().release(group, sizeof(StreamGroup));
  }
}

Stream::Place Stream::place_at(const BlockRef& ref, size_t offset) {
  const Bytes bytes = bytes_of(*ref.block);
  Place place;
  place.at = offset;
  const auto flags = static_cast<uint8_t>(bytes[offset++]);
  place.deleted = (flags & kDeleted) != 0;
  place.same_fields = (flags & kSameFields) != 0;
  place.id.ms = ref.first.ms + read_varint(bytes, offset);
  const uint64_t seq = read_varint(bytes, offset);
  place.id.seq = place.id.ms == ref.first.ms ? ref.first.seq + seq : seq;
  place.items_at = offset;
  return place;
}

size_t Stream::used_bytes(const Block& block) { return block.used; }

Stream::Fields Stream::fields_of(const BlockRef& ref) {
  const Pack::Item pairs = Pack(bytes_of(*ref.block)).at(place_at(ref, 0).items_at);
  return {pairs.end(), static_cast<uint64_t>(pairs.integer)};
}

// The items of an entry with the fields of the first are as many as that has pairs.
size_t Stream::end_of(const BlockRef& ref, const Place& place, const Fields& fields) {
  const Pack pack(bytes_of(*ref.block));
  size_t at = place.items_at;
  uint64_t left = fields.count;
  if (!place.same_fields) {
    const Pack::Item pairs = pack.at(at);
    at = pairs.end();
    left = 2 * static_cast<uint64_t>(pairs.integer);
  }
  for (; left > 0; --left) at = pack.at(at).end();
  return at;
}

size_t Stream::read(const BlockRef& ref, const Place& place, const Fields& fields, Text& text) {
  const Pack pack(bytes_of(*ref.block));
  size_t at = place.items_at;
  size_t pairs = fields.count;
  if (!place.same_fields) {
    const Pack::Item count = pack.at(at);
    at = count.end();
    pairs = static_cast<size_t>(count.integer);
  }
  std::vector<Bytes>& items = text.entry.items;
  text.entry.id = place.id;
  items.clear();
  if (text.numbers.size() < 2 * pairs) text.numbers.resize(2 * pairs);
  const auto take = [&](size_t& from) {
    const Pack::Item item = pack.at(from);
    from = item.end();
    items.push_back(item.bytes(text.numbers[items.size()]));
  };
  size_t field_at = fields.at;
  for (; pairs > 0; --pairs) {
    take(place.same_fields ? field_at : at);
    if (place.same_fields) field_at = pack.at(field_at).end();  // the first entry's value
    take(at);
  }
  return at;
}

bool Stream::same_fields(const BlockRef& ref, std::span<const Bytes> items) const {
  const Pack pack(bytes_of(*ref.block));
  size_t at = place_at(ref, 0).items_at;
  const Pack::Item pairs = pack.at(at);
  if (static_cast<size_t>(pairs.integer) != items.size() / 2) return false;
  at = pairs.end();
  for (size_t i = 0; i < items.size(); i += 2) {
    const Pack::Item field = pack.at(at);
    if (!field.equals(Pack::form_of(items[i]))) return false;
    at = pack.at(field.end()).end();
  }
  return true;
}

size_t Stream::name_bytes(const BlockRef& ref) {
  const Pack pack(bytes_of(*ref.block));
  const Fields fields = fields_of(ref);
  size_t bytes = 0;
  size_t at = fields.at;
  for (uint64_t left = fields.count; left > 0; --left) {
    const size_t end = pack.at(at).end();
    bytes += end - at;
    at = pack.at(end).end();
  }
  return bytes;
}

// Long names have to be worth their place: otherwise a small payload of RESTORE, where they stand
// once, could make any number of blocks that repeat them.
bool Stream::is_full(const BlockRef& ref, size_t more, const StreamLimits& limits) {
  constexpr size_t kBytesMax = size_t{1} << 30;  // offsets are 32 bits
  constexpr size_t kShortNamesBytes = 4096;
  const size_t used = ref.block->used;
  if (used + more > kBytesMax) return true;
  const bool many = limits.entries > 0 && ref.block->entries >= limits.entries;
  if (!many && (limits.bytes == 0 || used + more <= limits.bytes)) return false;
  const size_t names = name_bytes(ref);
  if (names <= kShortNamesBytes) return true;
  const size_t others = used - names;
  return (many || others + more > limits.bytes) && others >= names;
}

bool Stream::fits(std::span<const Bytes> items) {
  size_t bytes = 0;
  for (const Bytes item : items) bytes += item.size();
  return bytes <= kEntryBytesMax;
}

void Stream::append(StreamId id, std::span<const Bytes> items, const StreamLimits& limits) {
  DCHECK(fits(items));
  size_t room = 32;  // of flags, id and count
  for (const Bytes item : items) room += 5 + item.size();
  const auto encode = [&](StreamId first, bool same) {
    std::string out;
    out.reserve(room);
    out.push_back(static_cast<char>(same ? kSameFields : 0));
    append_varint(out, id.ms - first.ms);
    append_varint(out, id.ms == first.ms ? id.seq - first.seq : id.seq);
    if (!same) Pack::append_integer(out, static_cast<int64_t>(items.size() / 2));
    for (size_t i = same ? 1 : 0; i < items.size(); i += same ? 2 : 1) Pack::append(out, items[i]);
    return out;
  };
  std::string entry;
  const bool fresh = blocks_.empty() || [&] {
    const BlockRef& last = blocks_.back();
    entry = encode(last.first, same_fields(last, items));
    return is_full(last, entry.size(), limits);
  }();
  if (fresh) {
    // The block before it will not grow any more.
    if (!blocks_.empty())
      blocks_.back().block = resize(blocks_.back().block, blocks_.back().block->used);
    entry = encode(id, false);
    blocks_.push_back({id, make_block(std::max<size_t>(entry.size(), 240))});
  }
  BlockRef& ref = blocks_.back();
  const size_t wanted = ref.block->used + entry.size();
  if (wanted > ref.block->capacity) ref.block = resize(ref.block, wanted + wanted / 2);
  std::memcpy(ref.block->bytes() + ref.block->used, entry.data(), entry.size());
  ref.block->used += static_cast<uint32_t>(entry.size());
  ++ref.block->entries;
  ++length_;
  ++entries_added_;
  last_id_ = id;
  last_entry_ = id;
}

size_t Stream::block_of(StreamId id) const {
  const auto behind =
      std::upper_bound(blocks_.begin(), blocks_.end(), id,
                       [](StreamId wanted, const BlockRef& ref) { return wanted < ref.first; });
  const auto index = static_cast<size_t>(behind - blocks_.begin());
  return index == 0 ? 0 : index - 1;
}

size_t Stream::block_length(size_t index) const {
  const Block& block = *blocks_[index].block;
  return block.entries - block.deleted;
}

bool Stream::contains(StreamId id) const {
  bool found = false;
  each(id, id, false, [&](const StreamEntry&) {
    found = true;
    return false;
  });
  return found;
}

std::optional<StreamId> Stream::first_id() const {
  std::optional<StreamId> first;
  each({}, StreamId::max(), false, [&](const StreamEntry& entry) {
    first = entry.id;
    return false;
  });
  return first;
}

StreamId Stream::last_entry_id() const {
  if (length_ == 0) return {};
  if (!last_entry_) {
    each({}, StreamId::max(), true, [&](const StreamEntry& entry) {
      last_entry_ = entry.id;
      return false;
    });
  }
  return last_entry_.value_or(StreamId{});
}

void Stream::note_deleted(StreamId id) { max_deleted_id_ = std::max(max_deleted_id_, id); }

bool Stream::remove(StreamId id) {
  if (blocks_.empty()) return false;
  const size_t index = block_of(id);
  const BlockRef& ref = blocks_[index];
  std::optional<size_t> at;
  each_place(ref, 0, [&](const Place& place) {
    if (place.id == id && !place.deleted) at = place.at;
    return place.deleted || place.id < id;
  });
  if (!at) return false;
  ref.block->bytes()[*at] |= static_cast<char>(kDeleted);
  --length_;
  if (last_entry_ == id) last_entry_.reset();
  note_deleted(id);
  if (++ref.block->deleted == ref.block->entries) drop_block(index);
  return true;
}

void Stream::drop_block(size_t index) {
  reached_ = {};
  if (index == 0) front_ = {};
  front_.last.reset();  // without the others the first block may grow
  free_block(blocks_[index].block);
  blocks_.erase(index);
}

size_t Stream::trim_to_length(size_t most, bool approximate, size_t limit) {
  return trim(most, StreamId::max(), approximate, limit);
}

size_t Stream::trim_below(StreamId from, bool approximate, size_t limit) {
  return trim(0, from, approximate, limit);
}

// Whole blocks first, then, unless it may be approximate, entries of the block at the front.
size_t Stream::trim(size_t most, StreamId from, bool approximate, size_t limit) {
  size_t removed = 0;
  while (!blocks_.empty() && length_ > most && blocks_.front().first < from) {
    const Block& front = *blocks_.front().block;
    const size_t live = front.entries - front.deleted;
    if (limit > 0 && removed + live > limit) break;
    if (length_ - live < most || last_of_front() >= from) {
      if (!approximate) removed += trim_front_entries(most, from);
      break;
    }
    length_ -= live;
    removed += live;
    drop_block(0);
  }
  return removed;
}

StreamId Stream::last_of_front() {
  if (blocks_.size() == 1) return last_entry_id();
  if (!front_.last) {
    each_place(blocks_.front(), front_.dead_bytes, [&](const Place& place) {
      front_.last = place.id;
      return true;
    });
  }
  return *front_.last;
}

size_t Stream::trim_front_entries(size_t most, StreamId from) {
  const BlockRef& ref = blocks_.front();
  size_t removed = 0;
  each_place(ref, front_.dead_bytes, [&](const Place& place) {
    front_.dead_bytes = place.at;
    if (length_ <= most) return false;
    if (place.deleted) return true;
    if (place.id >= from) return false;
    ref.block->bytes()[place.at] |= static_cast<char>(kDeleted);
    ++ref.block->deleted;
    --length_;
    ++removed;
    return true;
  });
  if (ref.block->deleted == ref.block->entries) drop_block(0);
  return removed;
}

int64_t Stream::entries_read_at(StreamId id) const {
  const auto added = static_cast<int64_t>(entries_added_);
  if (added == 0) return 0;
  if (length_ == 0 && id <= last_id_) return added;
  if (id != StreamId{} && id < max_deleted_id_) return -1;
  if (id == last_id_) return added;
  if (id > last_id_) return -1;
  const StreamId first = first_id().value_or(StreamId{});
  if (max_deleted_id_ != StreamId{} && max_deleted_id_ >= first) return -1;
  const auto before_first = static_cast<int64_t>(entries_added_ - length_);
  if (id < first) return before_first;
  return id == first ? before_first + 1 : -1;
}

// ---- Groups of a stream

StreamGroup* Stream::find_group(Bytes name) const { return find_name(groups_, name); }

StreamGroup* Stream::add_group(Bytes name, StreamId last, int64_t entries_read) {
  if (find_group(name) != nullptr) return nullptr;
  auto* group = new (slab().allocate(sizeof(StreamGroup))) StreamGroup(slab(), name);
  group->last_id = last;
  group->entries_read = entries_read;
  groups_.insert(place_of_name(groups_, name), group);
  return group;
}

bool Stream::remove_group(Bytes name) {
  StreamGroup* group = find_group(name);
  if (group == nullptr) return false;
  groups_.erase(place_of_name(groups_, name));
  group->~StreamGroup();
  slab().release(group, sizeof(StreamGroup));
  return true;
}

size_t Stream::memory_bytes() const {
  size_t bytes = Slab::usable(sizeof(Stream)) + blocks_.memory_bytes() + groups_.memory_bytes();
  for (const BlockRef& ref : blocks_) bytes += Slab::usable(sizeof(Block) + ref.block->capacity);
  for (const StreamGroup* group : groups_) bytes += group->memory_bytes();
  return bytes;
}

Object* Stream::clone(Slab& into) const {
  auto* copy = make_object<Stream>(into);
  for (const BlockRef& ref : blocks_) {
    Block* block = copy->make_block(ref.block->capacity);
    *block = *ref.block;
    std::memcpy(block->bytes(), ref.block->bytes(), ref.block->used);
    copy->blocks_.push_back({ref.first, block});
  }
  copy->length_ = length_;
  copy->last_id_ = last_id_;
  copy->max_deleted_id_ = max_deleted_id_;
  copy->entries_added_ = entries_added_;
  for (StreamGroup* group : groups_) {
    StreamGroup* twin = copy->add_group(group->name(), group->last_id, group->entries_read);
    for (const StreamConsumer* consumer : group->consumers()) {
      StreamConsumer* other = twin->add_consumer(consumer->name(), consumer->seen_ms);
      other->active_ms = consumer->active_ms;
    }
    for (StreamPending* entry = group->pending().at_or_after({}); entry != nullptr;) {
      twin->assign(entry->id, twin->find_consumer(entry->consumer->name()), entry->delivered_ms,
                   entry->deliveries);
      const auto next = entry->id.next();
      entry = next ? group->pending().at_or_after(*next) : nullptr;
    }
  }
  return copy;
}

void Stream::validate() const {
  size_t live = 0;
  std::optional<StreamId> previous;
  for (const BlockRef& ref : blocks_) {
    const Fields fields = fields_of(ref);
    size_t entries = 0, deleted = 0, end = 0;
    each_place(ref, 0, [&](const Place& place) {
      CHECK(place.deleted || !previous || *previous < place.id);
      CHECK(entries == 0 ? place.id == ref.first : ref.first < place.id);
      CHECK(&ref != blocks_.begin() || place.at >= front_.dead_bytes || place.deleted);
      if (!place.deleted) previous = place.id;
      ++entries;
      deleted += place.deleted ? 1 : 0;
      end = end_of(ref, place, fields);
      return true;
    });
    CHECK(entries == ref.block->entries && end == ref.block->used);
    CHECK(deleted == ref.block->deleted && deleted < entries);
    live += entries - deleted;
  }
  CHECK(live == length_);
  for (const StreamGroup* group : groups_) {
    group->pending().validate();
    size_t pending = 0;
    for (const StreamConsumer* consumer : group->consumers()) {
      consumer->ids_.validate();
      pending += consumer->pending();
    }
    CHECK(pending == group->pending().size());
    for (const StreamPending* entry = group->pending().at_or_after({}); entry != nullptr;) {
      CHECK(entry->consumer->pending_from(entry->id) == entry->id);
      const auto next = entry->id.next();
      entry = next ? group->pending().at_or_after(*next) : nullptr;
    }
  }
}

Stream& make_stream(Keyspace& keyspace, const Key& key, Item& item) {
  if (!item) {
    auto* stream = make_object<Stream>(keyspace.slab());
    item = keyspace.put_object(key, item, Type::stream, stream, kNoExpiry);
  }
  return stream_of(*item.entry());
}

}  // namespace larder
