// The keys of one database in one shard: table, memory, expiry index. Every call needs the shard's
// lock. Storage decides what a key is; what a command means is decided above.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "storage/blob.h"
#include "storage/entry.h"
#include "storage/eviction/estimate.h"
#include "storage/expiry_index.h"
#include "storage/garbage.h"
#include "storage/key.h"
#include "storage/object.h"
#include "storage/slab.h"
#include "storage/table.h"

namespace larder {

class EvictionGroup;
struct EntryUse;
struct Candidate;
class StoreEvents;
class StoreSnapshot;
class TtlRules;

// What the keyspaces of a shard share. Guarded by the shard's lock.
struct ShardServices {
  unsigned shard_index = 0;
  unsigned shard_bits = 0;
  StoreEvents* events = nullptr;
  bool note_added = false;         // one of the two below wants to know of keys that are added
  bool tell_added = false;         // events->added is called
  bool keeps_expired = false;      // a replica: its primary removes them, here they are hidden
  bool epoch = false;              // Entry::kEpoch of new entries
  bool had_field_expiries = false;  // a field of a hash was ever given one
  StoreSnapshot* snapshot = nullptr;  // the one that runs; null: none
  std::shared_ptr<const TtlRules> ttl_rules;  // null: nobody but clients decides how long keys live
  uint64_t added_hash = 0;         // of the key added last, kept for the rules
  EvictionGroup* eviction = nullptr;  // null: nothing is ever evicted, uses are not noted
  const EntryUse* recalled = nullptr;  // what a file says of the key that is added; null: it is new
  uint8_t home = 0;                   // this shard among those of the group
  GarbageList garbage;
  ReadCounts reads;  // that the eviction policies are told of
  uint64_t expired_keys = 0;
  uint64_t evicted_keys = 0;
  uint64_t expired_fields = 0;
  int64_t now_ms = 0;  // of the last operation; the eviction policies' clock
};

// An entry found, with the place in the table that must follow when the entry moves in memory.
// Valid until the keyspace gains or loses a key.
struct Item {
  Table::Slot* slot = nullptr;
  HashPlace where;

  explicit operator bool() const { return slot != nullptr; }
  Entry* entry() const { return Table::entry_of(*slot); }
  Entry* operator->() const { return entry(); }
};

class Keyspace : public Garbage {
 public:
  Keyspace(unsigned db, ShardServices& services, int64_t now_ms);
  ~Keyspace() override;
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;

  unsigned db() const { return db_; }
  void set_db(unsigned db) { db_ = db; }  // SWAPDB

  HashPlace place_of(uint64_t hash) const { return table_.place(hash); }

  // The entry of a key, an expired one too.
  Item find(const Key& key) {
    const HashPlace where = place_of(key.hash);
    return {table_.find(where, key.name), where};
  }
  // The same, but an expired entry is removed (and told) first.
  Item find_live(const Key& key, int64_t now_ms) {
    const Item item = find(key);
    return !item || !item->expired(now_ms) ? item : drop_expired(item, key);
  }
  // Tells the eviction policy that the entry was used, or that a key to be read was not there.
  void touch(Item item);
  void missed(const Key& key);

  // Lays out an entry for a key that is not there. Its payload is the caller's to fill.
  Item add(const Key& key, const EntryShape& shape);
  // Gives the entry another shape under the same key. The old value is freed; the payload is the
  // caller's to fill. An expiry in `shape` is kept track of.
  Item reshape(Item item, const EntryShape& shape);
  // Changes the length of a raw payload, keeping what fits; new bytes are undefined.
  Item resize_payload(Item item, size_t bytes, Encoding encoding);
  // Stores a value under a key, whatever was there. `item` is what find gave
  // for it (may be null); of `shape` type, encoding and expiry count. An object
  // in the payload is owned from now on.
  Item put(const Key& key, Item item, EntryShape shape, Bytes payload);
  // The same for an object. One in a slab of its own brings it along.
  Item put_object(const Key& key, Item item, Type type, Object* object, int64_t expiry_ms);
  // Replaces `removed` bytes at offset `at` of a payload that is a pack or
  // integers.
  Item splice(Item item, size_t at, size_t removed, Bytes bytes);
  // To be called when an object gained elements: a large one gets a slab of its
  // own. Returns the object, which may have moved.
  Object* grown(Item item);
  static Object* object_of(const Entry& entry) { return load<Object*>(entry.payload()); }
  // Where values that live here are made.
  Slab& slab() { return slab_; }
  // kNoExpiry removes it.
  Item set_expiry(Item item, int64_t expiry_ms);
  void remove(Item item);

  // Cuts the value off `from` and lays it out under `to`, which is not there. Both may be of
  // different keyspaces of one store, whose locks the caller holds.
  static Item move_value(Keyspace& from, Item item, Keyspace& to, const Key& key);
  // Lays a copy of the value of `from` (of any keyspace) out under `key`, in
  // place of `old`. The copy has the same expiry. Cost: O(N).
  Item copy_value(const Entry& from, const Key& key, Item old);

  // Blobs are counted here as long as an entry holds them.
  Blob* make_blob(size_t bytes, size_t capacity);
  void drop_blob(Blob* blob);

  // Fields of hashes expire too (HEXPIRE). A hash that has such fields keeps a reference in the
  // expiry index at or before the earliest; this adds one.
  void note_field_expiry(Item item, int64_t expiry_ms);
  // Removes fields whose time has come, at most about `budget`, and tells. An emptied hash goes
  // away. Returns the item, null when it is gone.
  Item drop_due_fields(Item item, int64_t now_ms, size_t budget);

  // Removes due keys, visiting at most `budget` references. Returns true when more are due.
  bool expire_step(int64_t now_ms, size_t budget);
  // Lower bound of the time when expire_step finds something.
  int64_t next_expiry_ms() const;
  // Eviction: the entry that a candidate of the group's policy means, null when it is gone.
  Item find_candidate(const Candidate& candidate);
  // Evicts an entry; one whose time has come expires instead.
  void evict(Item item);
  // Queues the entries of some segments anew from `cursor` on, see EvictionGroup. Returns the next
  // cursor, 0 behind the last.
  uint64_t readmit_step(uint64_t cursor);
  // Tells the eviction policy of the entry's past.
  void recall_use(Item item, const EntryUse& use);
  EntryUse use_of(const Entry& entry) const;
  // Excepts an entry from eviction, or no more.
  void set_sticky(Item item, bool sticky);
  // Any key with an expiry; null Item when none was met.
  Item volatile_candidate(uint64_t random);
  // One that is not sticky, where hardly any key has an expiry; null Item when there is none.
  // Cost: some 10 ns for each key passed over.
  Item seek_volatile(uint64_t random);

  Table& table() { return table_; }
  const Table& table() const { return table_; }
  Item item_of(Entry* entry);
  size_t size() const { return table_.size(); }
  size_t volatile_count() const { return volatile_count_; }
  // Key and value memory, table and indexes: what the allocators gave.
  size_t memory_bytes() const {
    return slab_.used_bytes() + slab_.overhead_bytes() + own_slab_bytes_ + blob_bytes_ +
           table_.memory_bytes() + sizeof(Keyspace);
  }
  // What one key takes: its entry, its slot, a value kept outside.
  size_t memory_of(Item item) const { return memory_of(*item.entry()); }
  size_t memory_of(const Entry& entry) const;
  size_t bytes() const override { return memory_bytes(); }
  size_t objects() const override { return size(); }
  ShardServices& services() { return services_; }
  // Goes on moving entries out of pages full of holes, a segment of the table at a time; begins
  // when that would gain a good deal. Returns false when there is nothing to do.
  bool compact_step();
  // Frees the spare page an empty keyspace keeps.
  void trim();
  void validate() const;

 private:
  Item drop_expired(Item item, const Key& key);
  // To be called before an entry changes or goes.
  void before_change(Entry* entry) {
    if (services_.snapshot != nullptr) [[unlikely]] tell_snapshot(entry);
  }
  void tell_snapshot(Entry* entry);
  void free_value(Entry* entry);
  bool owns_slab(const Object& object) const { return &object.slab() != &slab_; }
  void adopt_slab(Slab& slab);
  void give_slab_up(Slab& slab);
  void drop_object(Object* object);
  void remove_entry(Item item);
  // The payload may not be filled yet: `outside_bytes` is what the value takes outside its entry.
  void note_expiry(Item item, int64_t before_ms, size_t outside_bytes);
  size_t fire(uint32_t place, int64_t now_ms);
  void note_evictable(Item item, size_t outside_bytes);
  void note_sooner(Item item, size_t outside_bytes);
  size_t outside_bytes_of(const Entry& entry) const;
  bool expire_one(uint32_t place, int64_t now_ms, std::optional<int64_t>& next_ms);
  size_t expire_fields(uint32_t place, int64_t now_ms, std::optional<int64_t>& next_ms);
  Item volatile_at(uint32_t place);
  void maybe_rebuild(int64_t now_ms);
  void rebuild_step(size_t buckets);

  alignas(64) Table table_;  // a lookup needs its first cache line
  ShardServices& services_;
  unsigned db_;
  Slab slab_;
  std::unique_ptr<ExpiryIndex> expiry_;
  std::unique_ptr<ExpiryIndex> old_expiry_;  // drained while the new one is filled
  uint64_t rebuild_cursor_ = 0;
  size_t living_refs_ = 0;  // in the index when it was last rebuilt
  size_t volatile_count_ = 0;
  size_t blob_bytes_ = 0;
  size_t own_slab_bytes_ = 0;  // of objects with a slab of their own
  size_t own_slabs_ = 0;
  size_t blob_count_ = 0;
  uint64_t compact_cursor_ = 0;  // 0: none is under way
  size_t moved_bytes_ = 0;       // by the one under way
  size_t settled_spare_ = 0;     // of the slab when little was left to gain; 0: go on
};

}  // namespace larder
