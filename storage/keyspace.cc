#include "storage/keyspace.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "storage/events.h"
#include "storage/eviction/eviction_group.h"
#include "storage/expiry_pause.h"
#include "storage/hash.h"
#include "storage/lazy_free.h"
#include "storage/snapshot.h"

namespace larder {
namespace {

// Dead references that the expiry index may hold beyond one per living.
constexpr size_t kDeadRefsMin = 4096;
// Buckets walked per expire_step while the index is rebuilt.
constexpr size_t kRebuildBuckets = 64;
// Fields of a hash that expire at a stroke, about 10 us.
constexpr size_t kFieldBudget = 64;

// Entries are moved together when more than this share of their memory is free in between.
constexpr size_t kSpareShare = 16;
constexpr size_t kSpareMin = size_t{32} * 1024;

// An entry laid out anew is the same to the eviction policy and to a snapshot.
void keep_marks(const Entry& old, Entry& entry) {
  entry.set_stamp(old.stamp());
  entry.set(Entry::kSticky, old.is(Entry::kSticky));
  entry.set(Entry::kEpoch, old.is(Entry::kEpoch));
}

// Of a value that the payload only points to.
size_t outside_bytes(Encoding encoding, Bytes payload) {
  if (encoding == Encoding::blob) return load<Blob*>(payload.data())->memory_bytes();
  if (encoding == Encoding::object) return load<Object*>(payload.data())->memory_bytes();
  return 0;
}

size_t memory_of_parts(const Entry& entry, size_t outside_bytes) {
  return Slab::usable(entry.bytes()) + sizeof(Table::Slot) + outside_bytes;
}

class BlobGarbage : public Garbage {
 public:
  explicit BlobGarbage(Blob* blob) : blob_(blob) {}
  ~BlobGarbage() override { Blob::drop(blob_); }
  size_t bytes() const override { return blob_->memory_bytes(); }

 private:
  Blob* blob_;
};

}  // namespace

Keyspace::Keyspace(unsigned db, ShardServices& services, int64_t now_ms)
    : table_(services.shard_bits, nullptr),
      services_(services),
      db_(db),
      expiry_(std::make_unique<ExpiryIndex>(slab_, now_ms)) {}

// Blobs and the slabs of large objects are the only memory outside the slab;
// everything else goes with its pages.
Keyspace::~Keyspace() {
  expiry_->abandon();
  if (old_expiry_) old_expiry_->abandon();
  if (blob_count_ == 0 && own_slabs_ == 0) return;
  uint64_t cursor = 0;
  do {
    cursor = table_.scan(cursor, [this](Entry* entry) {
      if (entry->encoding() == Encoding::blob) {
        Blob* blob = load<Blob*>(entry->payload());
        blob->leave_store();
        Blob::drop(blob);
      }
      if (entry->encoding() != Encoding::object) return;
      if (Object* object = object_of(*entry); owns_slab(*object)) delete &object->slab();
    });
  } while (cursor != 0);
}

Item Keyspace::item_of(Entry* entry) {
  const HashPlace where = Table::place_of(entry, services_.shard_bits);
  return {table_.find(where, entry->key()), where};
}

Item Keyspace::drop_expired(Item item, const Key& key) {
  if (services_.keeps_expired || is_expiry_paused(services_.now_ms)) return {};
  const Scoped why(removal_reason, Removal::expiry);
  ++services_.expired_keys;
  if (services_.events != nullptr) services_.events->expired(db_, key.name);
  remove(item);
  return {};
}

void Keyspace::touch(Item item) {
  if (services_.eviction == nullptr) return;
  ++services_.reads.hits;
  services_.eviction->used(*item.entry(), item.where.place, services_.home, services_.now_ms);
}

void Keyspace::missed(const Key& key) {
  if (services_.eviction == nullptr) return;
  ++services_.reads.misses;
  services_.eviction->missed(place_of(key.hash).place, services_.home, services_.now_ms);
}

// An entry that may be evicted from now on is queued, one that may not any more leaves.
void Keyspace::note_evictable(Item item, size_t outside_bytes) {
  EvictionGroup* eviction = services_.eviction;
  if (eviction == nullptr || eviction->epoch() == 0) return;
  Entry& entry = *item.entry();
  if (eviction->holds(entry) && !eviction->may_evict(entry)) {
    eviction->excepted(entry, services_.now_ms);
  } else if (!eviction->holds(entry) && eviction->may_evict(entry)) {
    eviction->inserted(entry, item.where.place, services_.home,
                       memory_of_parts(entry, outside_bytes), services_.now_ms, services_.recalled);
  }
}

// A policy that queues by expiry would meet the entry too late.
void Keyspace::note_sooner(Item item, size_t outside_bytes) {
  EvictionGroup* eviction = services_.eviction;
  Entry& entry = *item.entry();
  if (eviction == nullptr || !eviction->queues_by_expiry() || !eviction->holds(entry)) return;
  eviction->removed(entry);
  eviction->inserted(entry, item.where.place, services_.home, memory_of_parts(entry, outside_bytes),
                     services_.now_ms);
}

void Keyspace::recall_use(Item item, const EntryUse& use) {
  if (services_.eviction == nullptr || !use.known()) return;
  services_.eviction->recall(*item.entry(), item.where.place, services_.home,
                             memory_of(*item.entry()), use, services_.now_ms);
}

EntryUse Keyspace::use_of(const Entry& entry) const {
  if (services_.eviction == nullptr) return {};
  return services_.eviction->use_of(entry, services_.now_ms);
}

void Keyspace::set_sticky(Item item, bool sticky) {
  item->set(Entry::kSticky, sticky);
  note_evictable(item, outside_bytes_of(*item.entry()));
}

Item Keyspace::find_candidate(const Candidate& candidate) {
  const unsigned epoch = services_.eviction->epoch();
  Item found;
  table_.each_candidate(candidate.ref.place, [&](Table::Slot* slot) {
    const Stamp stamp(Table::entry_of(*slot)->stamp());
    if (stamp.epoch() != epoch || stamp.mark() != candidate.ref.mark) return;
    const HashPlace where = Table::place_of(Table::entry_of(*slot), services_.shard_bits);
    if (where.place == candidate.ref.place) found = {slot, where};
  });
  return found;
}

void Keyspace::evict(Item item) {
  const bool expired = item->expired(services_.now_ms);
  const Scoped why(removal_reason, expired ? Removal::expiry : Removal::eviction);
  ++(expired ? services_.expired_keys : services_.evicted_keys);
  if (services_.events != nullptr) {
    expired ? services_.events->expired(db_, item->key())
            : services_.events->evicted(db_, item->key());
  }
  remove(item);
}

uint64_t Keyspace::readmit_step(uint64_t cursor) {
  return table_.scan_segment(cursor, [this](Entry* entry) {
    const uint32_t place = Table::place_of(entry, services_.shard_bits).place;
    services_.eviction->readmitted(*entry, place, services_.home, memory_of(*entry),
                                   services_.now_ms);
  });
}

Item Keyspace::add(const Key& key, const EntryShape& shape) {
  Entry* entry = Entry::make(slab_.allocate(Entry::bytes_for(shape)), shape, key.name);
  entry->set(Entry::kEpoch, services_.epoch);
  const HashPlace where = place_of(key.hash);
  table_.insert(where, entry);
  const Item item{table_.find(where, key.name), where};
  note_expiry(item, kNoExpiry, shape.outside_bytes);
  if (services_.note_added) [[unlikely]] {
    services_.added_hash = key.hash;
    if (services_.tell_added) services_.events->added(db_, key.name);
  }
  if (services_.eviction != nullptr && !services_.eviction->holds(*entry)) {
    services_.eviction->inserted(*entry, where.place, services_.home,
                                 memory_of_parts(*entry, shape.outside_bytes), services_.now_ms,
                                 services_.recalled);
  }
  return item;
}

void Keyspace::tell_snapshot(Entry* entry) { services_.snapshot->before_change(*this, entry); }

Item Keyspace::reshape(Item item, const EntryShape& shape) {
  Entry* old = item.entry();
  before_change(old);
  const int64_t before_ms = old->expiry_ms();
  const bool timed = old->is(Entry::kTimed);
  free_value(old);
  Entry* entry = static_cast<Entry*>(slab_.allocate(Entry::bytes_for(shape)));
  Entry::make(entry, shape, old->key());
  keep_marks(*old, *entry);
  entry->set(Entry::kTimed, timed && shape.expiry_ms != kNoExpiry);
  slab_.release(old, old->bytes());
  Table::replace(item.slot, entry);
  note_expiry(item, before_ms, shape.outside_bytes);
  return item;
}

Item Keyspace::resize_payload(Item item, size_t bytes, Encoding encoding) {
  Entry* old = item.entry();
  DCHECK(old->encoding() != Encoding::blob && old->encoding() != Encoding::object);
  EntryShape shape = old->shape();
  const size_t keep = std::min(shape.payload_bytes, bytes);
  const size_t old_bytes = old->bytes();
  shape.payload_bytes = bytes;
  shape.encoding = encoding;
  const size_t new_bytes = old_bytes - old->payload_bytes() + bytes;
  if (old->encoding() == encoding && old_bytes <= Slab::kSmallMax &&
      Slab::usable(new_bytes) == Slab::usable(old_bytes) && old->try_set_payload_bytes(bytes)) {
    return item;
  }
  Entry* entry = static_cast<Entry*>(slab_.allocate(Entry::bytes_for(shape)));
  Entry::make(entry, shape, old->key());
  keep_marks(*old, *entry);
  entry->set(Entry::kTimed, old->is(Entry::kTimed));
  std::memcpy(entry->payload(), old->payload(), keep);
  slab_.release(old, old_bytes);
  Table::replace(item.slot, entry);
  return item;
}

Item Keyspace::set_expiry(Item item, int64_t expiry_ms) {
  Entry* old = item.entry();
  const int64_t before_ms = old->expiry_ms();
  if (before_ms == expiry_ms) return item;
  if (!old->try_set_expiry(expiry_ms)) {
    EntryShape shape = old->shape();
    shape.expiry_ms = expiry_ms;
    Entry* entry = static_cast<Entry*>(slab_.allocate(Entry::bytes_for(shape)));
    Entry::make(entry, shape, old->key());
    keep_marks(*old, *entry);
    entry->set(Entry::kTimed, old->is(Entry::kTimed) && expiry_ms != kNoExpiry);
    std::memcpy(entry->payload(), old->payload(), shape.payload_bytes);
    slab_.release(old, old->bytes());
    Table::replace(item.slot, entry);
  }
  note_expiry(item, before_ms, outside_bytes_of(*item.entry()));
  return item;
}

void Keyspace::remove(Item item) {
  before_change(item.entry());
  free_value(item.entry());
  remove_entry(item);
}

// The value is freed, or another entry's now.
void Keyspace::remove_entry(Item item) {
  Entry* entry = item.entry();
  if (services_.eviction != nullptr) services_.eviction->removed(*entry);
  if (entry->is(Entry::kHasExpiry)) --volatile_count_;
  table_.erase(item.where, item.slot);
  slab_.release(entry, entry->bytes());
}

Item Keyspace::move_value(Keyspace& from, Item item, Keyspace& to, const Key& key) {
  Entry* old = item.entry();
  from.before_change(old);
  const bool sticky = old->is(Entry::kSticky);
  const EntryUse use = from.use_of(*old);
  EntryShape shape = old->shape();
  shape.key_bytes = key.name.size();
  const Item moved = to.add(key, shape);
  // Adding may have split the table that `item` points into.
  const Item source = from.item_of(old);
  std::memcpy(moved->payload(), old->payload(), shape.payload_bytes);
  if (shape.encoding == Encoding::blob) {
    const Blob* blob = load<Blob*>(old->payload());
    from.blob_bytes_ -= blob->memory_bytes();
    to.blob_bytes_ += blob->memory_bytes();
    --from.blob_count_;
    ++to.blob_count_;
  }
  if (shape.encoding == Encoding::object && &from != &to) {
    Object* object = object_of(*old);
    if (from.owns_slab(*object)) {
      from.give_slab_up(object->slab());
      to.adopt_slab(object->slab());
    } else {
      store(moved->payload(), object->clone(to.slab_));
      object->destroy();
    }
  }
  from.remove_entry(source);
  const Item found = to.find(key);
  to.note_field_expiry(found, earliest_field_ms(*found.entry()));
  to.recall_use(found, use);
  if (sticky) to.set_sticky(found, true);
  return found;
}

Item Keyspace::copy_value(const Entry& from, const Key& key, Item old) {
  const EntryShape shape = from.shape();
  if (shape.encoding == Encoding::object) {
    Object* copy = object_of(from)->clone(slab_);
    const Item item = put_object(key, old, shape.type, copy, shape.expiry_ms);
    grown(item);
    note_field_expiry(item, earliest_field_ms(*item.entry()));
    return item;
  }
  if (shape.encoding == Encoding::blob) {
    const Bytes bytes = load<Blob*>(from.payload())->bytes();
    Blob* blob = make_blob(bytes.size(), bytes.size());
    std::memcpy(blob->data(), bytes.data(), bytes.size());
    return put(key, old, shape, {reinterpret_cast<const char*>(&blob), sizeof blob});
  }
  const Item item = put(key, old, shape, from.payload_view());
  note_field_expiry(item, earliest_field_ms(*item.entry()));
  return item;
}

Item Keyspace::put(const Key& key, Item item, EntryShape shape, Bytes payload) {
  shape.key_bytes = key.name.size();
  shape.payload_bytes = payload.size();
  shape.outside_bytes = outside_bytes(shape.encoding, payload);
  item = item ? reshape(item, shape) : add(key, shape);
  std::memcpy(item->payload(), payload.data(), payload.size());
  return item;
}

Item Keyspace::put_object(const Key& key, Item item, Type type, Object* object, int64_t expiry_ms) {
  if (owns_slab(*object)) adopt_slab(object->slab());
  return put(key, item, {.type = type, .encoding = Encoding::object, .expiry_ms = expiry_ms},
             {reinterpret_cast<const char*>(&object), sizeof object});
}

Item Keyspace::splice(Item item, size_t at, size_t removed, Bytes bytes) {
  const size_t before = item->payload_bytes();
  const size_t tail = before - at - removed;
  const size_t after = before - removed + bytes.size();
  if (after < before) {  // close the gap before the end is cut off
    std::memmove(item->payload() + at + bytes.size(), item->payload() + at + removed, tail);
    item = resize_payload(item, after, item->encoding());
  } else if (after > before) {
    item = resize_payload(item, after, item->encoding());
    std::memmove(item->payload() + at + bytes.size(), item->payload() + at + removed, tail);
  }
  if (!bytes.empty()) std::memcpy(item->payload() + at, bytes.data(), bytes.size());
  return item;
}

Object* Keyspace::grown(Item item) {
  Object* object = object_of(*item.entry());
  if (object->elements() <= Object::kSharedSlabElements || owns_slab(*object)) return object;
  auto* slab = new Slab;
  Object* moved = object->clone(*slab);
  adopt_slab(*slab);
  object->destroy();
  store(item->payload(), moved);
  return moved;
}

void Keyspace::adopt_slab(Slab& slab) {
  slab.count_in(&own_slab_bytes_);
  ++own_slabs_;
}

void Keyspace::give_slab_up(Slab& slab) {
  slab.count_in(nullptr);
  --own_slabs_;
}

void Keyspace::drop_object(Object* object) {
  if (!owns_slab(*object)) return object->destroy();
  give_slab_up(object->slab());
  services_.garbage.push_back(std::make_unique<ObjectGarbage>(&object->slab()));
}

size_t Keyspace::memory_of(const Entry& entry) const {
  return memory_of_parts(entry, outside_bytes_of(entry));
}

size_t Keyspace::outside_bytes_of(const Entry& entry) const {
  if (entry.encoding() == Encoding::blob) return load<Blob*>(entry.payload())->memory_bytes();
  if (entry.encoding() != Encoding::object) return 0;
  const Object& object = *object_of(entry);
  return owns_slab(object) ? object.slab().used_bytes() : object.memory_bytes();
}

void Keyspace::free_value(Entry* entry) {
  if (entry->encoding() == Encoding::blob) drop_blob(load<Blob*>(entry->payload()));
  if (entry->encoding() != Encoding::object) return;
  note_lazily_freed(*entry);
  drop_object(object_of(*entry));
}

Blob* Keyspace::make_blob(size_t bytes, size_t capacity) {
  Blob* blob = Blob::make(bytes, capacity);
  blob_bytes_ += blob->memory_bytes();
  ++blob_count_;
  return blob;
}

void Keyspace::drop_blob(Blob* blob) {
  blob_bytes_ -= blob->memory_bytes();
  --blob_count_;
  blob->leave_store();
  if (blob->memory_bytes() >= kGarbageBytesMin) {
    services_.garbage.push_back(std::make_unique<BlobGarbage>(blob));
  } else {
    Blob::drop(blob);
  }
}

// Keeps count and index true after an entry's expiry changed from `before_ms`.
void Keyspace::note_expiry(Item item, int64_t before_ms, size_t outside_bytes) {
  Entry* entry = item.entry();
  const int64_t expiry_ms = entry->expiry_ms();
  if (before_ms != kNoExpiry) --volatile_count_;
  if (expiry_ms != kNoExpiry) ++volatile_count_;
  if ((before_ms == kNoExpiry) != (expiry_ms == kNoExpiry)) {
    note_evictable(item, outside_bytes);
  }
  if (expiry_ms == kNoExpiry) return;
  if (expiry_ms < before_ms) note_sooner(item, outside_bytes);
  const bool has_early_reference = entry->is(Entry::kTimed) && before_ms <= expiry_ms;
  if (has_early_reference) return;
  expiry_->add(item.where.place, expiry_ms);
  entry->set(Entry::kTimed, true);
}

bool Keyspace::expire_step(int64_t now_ms, size_t budget) {
  maybe_rebuild(now_ms);
  uint32_t place = 0;
  for (size_t cost = 0; cost < budget;) {
    if (old_expiry_ && old_expiry_->take(now_ms, place)) {
      cost += fire(place, now_ms);
    } else if (expiry_->take(now_ms, place)) {
      cost += fire(place, now_ms);
    } else {
      return false;
    }
  }
  return true;
}

int64_t Keyspace::next_expiry_ms() const {
  const int64_t next = expiry_->next_ms();
  return old_expiry_ ? std::min(next, old_expiry_->next_ms()) : next;
}

// Removes what is due at `place` and keeps one reference for what is not. Returns the cost: one and
// the fields that went.
size_t Keyspace::fire(uint32_t place, int64_t now_ms) {
  std::optional<int64_t> next_ms;
  while (expire_one(place, now_ms, next_ms)) {
  }
  const size_t fields = expire_fields(place, now_ms, next_ms);
  if (next_ms && *next_ms <= now_ms) {
    expiry_->add_due(place);
  } else if (next_ms) {
    expiry_->add(place, *next_ms);
  }
  return 1 + fields;
}

bool Keyspace::expire_one(uint32_t place, int64_t now_ms, std::optional<int64_t>& next_ms) {
  Item due;
  table_.each_candidate(place, [&](Table::Slot* slot) {
    const Entry* entry = Table::entry_of(*slot);
    if (!entry->is(Entry::kHasExpiry)) return;
    const HashPlace where = Table::place_of(entry, services_.shard_bits);
    if (where.place != place) return;
    if (entry->expired(now_ms)) {
      due = {slot, where};
    } else {
      next_ms = std::min(next_ms.value_or(entry->expiry_ms()), entry->expiry_ms());
    }
  });
  if (!due) return false;
  const Scoped why(removal_reason, Removal::expiry);
  ++services_.expired_keys;
  if (services_.events != nullptr) services_.events->expired(db_, due->key());
  remove(due);
  return true;
}

void Keyspace::note_field_expiry(Item item, int64_t expiry_ms) {
  if (expiry_ms == kNeverMs) return;
  services_.had_field_expiries = true;
  expiry_->add(item.where.place, expiry_ms);
}

Item Keyspace::drop_due_fields(Item item, int64_t now_ms, size_t budget) {
  if (services_.keeps_expired || is_expiry_paused(now_ms)) return item;
  if (services_.snapshot != nullptr && earliest_field_ms(*item.entry()) <= now_ms) {
    before_change(item.entry());
  }
  std::vector<std::string> names;
  const bool wants_names = services_.events != nullptr && services_.events->wants_fields();
  const auto [dropped, left] =
      remove_due_fields(*this, item, now_ms, {budget, wants_names ? &names : nullptr});
  if (dropped == 0) return item;
  services_.expired_fields += dropped;
  if (services_.events != nullptr) {
    services_.events->fields_expired(db_, item->key(), names, left == 0);
  }
  if (left > 0) return item;
  remove(item);
  return {};
}

// One hash at most is changed: its removal would make the others' slots invalid. The reference
// that stays lets the others follow.
size_t Keyspace::expire_fields(uint32_t place, int64_t now_ms, std::optional<int64_t>& next_ms) {
  Item due;
  const auto note = [&](int64_t ms) {
    if (ms != kNeverMs) next_ms = std::min(next_ms.value_or(ms), ms);
  };
  table_.each_candidate(place, [&](Table::Slot* slot) {
    const Entry* entry = Table::entry_of(*slot);
    const int64_t earliest_ms = earliest_field_ms(*entry);
    if (earliest_ms == kNeverMs) return;
    const HashPlace where = Table::place_of(entry, services_.shard_bits);
    if (where.place != place) return;
    if (earliest_ms > now_ms || due) return note(earliest_ms);
    due = {slot, where};
  });
  if (!due) return 0;
  const uint64_t before = services_.expired_fields;
  due = drop_due_fields(due, now_ms, kFieldBudget);
  if (due) note(earliest_field_ms(*due.entry()));
  return static_cast<size_t>(services_.expired_fields - before);
}

void Keyspace::maybe_rebuild(int64_t now_ms) {
  if (!old_expiry_) {
    const size_t living = std::max(volatile_count_, living_refs_);
    if (expiry_->size() <= 2 * living + kDeadRefsMin) return;
    old_expiry_ = std::move(expiry_);
    expiry_ = std::make_unique<ExpiryIndex>(slab_, now_ms);
    rebuild_cursor_ = 0;
  }
  rebuild_step(kRebuildBuckets);
}

// New and fired references go to the new index meanwhile, so when the walk ends every key with an
// expiry has one there.
void Keyspace::rebuild_step(size_t buckets) {
  for (size_t i = 0; i < buckets; ++i) {
    rebuild_cursor_ = table_.scan(rebuild_cursor_, [this](Entry* entry) {
      const int64_t fields_ms = earliest_field_ms(*entry);
      if (!entry->is(Entry::kHasExpiry) && fields_ms == kNeverMs) return;
      const HashPlace where = Table::place_of(entry, services_.shard_bits);
      if (entry->is(Entry::kHasExpiry)) expiry_->add(where.place, entry->expiry_ms());
      if (fields_ms != kNeverMs) expiry_->add(where.place, fields_ms);
    });
    if (rebuild_cursor_ == 0) {
      old_expiry_.reset();
      living_refs_ = expiry_->size();
      return;
    }
  }
}

// A key with an expiry at a place; a null Item when its reference is dead.
Item Keyspace::volatile_at(uint32_t place) {
  Item item;
  table_.each_candidate(place, [&](Table::Slot* slot) {
    if (!Table::entry_of(*slot)->is(Entry::kHasExpiry)) return;
    const HashPlace where = Table::place_of(Table::entry_of(*slot), services_.shard_bits);
    if (where.place == place) item = {slot, where};
  });
  return item;
}

Item Keyspace::volatile_candidate(uint64_t random) {
  if (volatile_count_ == 0) return {};
  constexpr unsigned kAttempts = 32;  // dead references are passed over
  for (unsigned i = 0; i < kAttempts; ++i) {
    uint32_t place = 0;
    if (!expiry_->peek_random(random + i * 0x9e3779b97f4a7c15, place)) break;
    if (const Item item = volatile_at(place)) return item;
  }
  // Few living references: look for any key with an expiry in the table itself.
  for (unsigned i = 0; i < 16 * kAttempts; ++i) {
    Entry* entry = table_.sample(random + i * 0xbf58476d1ce4e5b9);
    if (entry != nullptr && entry->is(Entry::kHasExpiry)) return item_of(entry);
  }
  return {};
}

Item Keyspace::seek_volatile(uint64_t random) {
  Entry* found = nullptr;
  uint64_t cursor = TableCursor{.prefix = static_cast<uint32_t>(random >> 32)}.pack();
  for (unsigned ends = 0; found == nullptr && ends < 2; ends += cursor == 0 ? 1 : 0) {
    cursor = table_.scan_segment(cursor, [&](Entry* entry) {
      if (entry->is(Entry::kHasExpiry) && !entry->is(Entry::kSticky)) found = entry;
    });
  }
  return found == nullptr ? Item{} : item_of(found);
}

// A snapshot may be looking at an entry without the lock.
bool Keyspace::compact_step() {
  if (services_.snapshot != nullptr) return false;
  if (compact_cursor_ == 0) {
    const size_t spare = slab_.spare_bytes();
    settled_spare_ = std::min(settled_spare_, spare);
    const size_t worth = std::max(slab_.used_bytes() / kSpareShare, kSpareMin);
    if (spare < std::max(worth, settled_spare_ / 4 * 5)) return false;
  }
  compact_cursor_ = table_.scan_segment(compact_cursor_, [this](Entry* entry) {
    const size_t bytes = entry->bytes();
    if (!slab_.should_leave(entry, bytes)) return;
    const Item item = item_of(entry);
    auto* moved = static_cast<Entry*>(slab_.allocate(bytes));
    std::memcpy(static_cast<void*>(moved), entry, bytes);
    slab_.release(entry, bytes);
    Table::replace(item.slot, moved);
    moved_bytes_ += bytes;
  });
  if (compact_cursor_ != 0) return true;
  slab_.end_compaction();
  const bool settled = moved_bytes_ < slab_.used_bytes() / kSpareShare / 4;
  settled_spare_ = settled ? slab_.spare_bytes() : 0;
  moved_bytes_ = 0;
  return true;
}

void Keyspace::trim() { slab_.trim(); }

void Keyspace::validate() const {
  table_.validate();
  size_t with_expiry = 0;
  size_t blobs = 0;
  size_t own_slabs = 0;
  uint64_t cursor = 0;
  auto& table = const_cast<Table&>(table_);
  do {
    cursor = table.scan(cursor, [&](const Entry* entry) {
      if (entry->is(Entry::kHasExpiry)) ++with_expiry;
      if (entry->is(Entry::kHasExpiry)) CHECK(entry->is(Entry::kTimed));
      if (entry->encoding() == Encoding::blob) ++blobs;
      if (entry->encoding() != Encoding::object) return;
      const Object& object = *object_of(*entry);
      object.validate();
      if (owns_slab(object)) ++own_slabs;
    });
  } while (cursor != 0);
  CHECK(with_expiry == volatile_count_);
  CHECK(blobs == blob_count_);
  CHECK(own_slabs == own_slabs_);
  CHECK(expiry_->size() + (old_expiry_ ? old_expiry_->size() : 0) >= volatile_count_);
}

}  // namespace larder
