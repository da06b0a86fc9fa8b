// The whole data set: a power of two of shards, each with one lock. A key's shard is given by the
// top bits of its hash. Lock order: docs/ARCHITECTURE.md, "Locks".
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "storage/eviction/eviction_group.h"
#include "storage/eviction/registry.h"
#include "storage/garbage.h"
#include "storage/key.h"
#include "storage/keyspace.h"
#include "storage/memory_account.h"
#include "storage/shard_set.h"

namespace larder {

// Most databases a server may have: each costs two pointers per shard.
inline constexpr unsigned kDatabasesMax = 1024;

// One lock's worth of the store. Shards share no cache line.
class alignas(128) Shard {
 public:
  Shard() = default;

  Mutex mutex;
  // Set by a script that runs for long while it holds the lock: nobody waits for it then.
  std::atomic<bool> held_for_long{false};

  // The way to take the lock: false when it is held for long.
  bool lock() TRY_ACQUIRE(true, mutex) { return mutex.lock_unless(held_for_long); }

  // The keys of one database here. Created when first asked for.
  Keyspace& keyspace(unsigned db) REQUIRES(mutex) {
    Keyspace* found = keyspaces_[db].get();
    return found != nullptr ? *found : make_keyspace(db);
  }
  // The same without creating: null when the database never had a key here.
  Keyspace* find_keyspace(unsigned db) REQUIRES(mutex) { return keyspaces_[db].get(); }
  // Takes all keys of a database away at once; null when there were none.
  std::unique_ptr<Keyspace> take_keyspace(unsigned db) REQUIRES(mutex);
  void swap_keyspaces(unsigned a, unsigned b) REQUIRES(mutex);

  // Hands changed byte counts over to the process-wide account, if they are worth it.
  void settle_memory(MemoryAccount& account) REQUIRES(mutex) {
    const int64_t now = memory_bytes();
    const int64_t change = now - reported_bytes_;
    if (change < account.quantum() && -change < account.quantum()) return;
    account.add(change);
    reported_bytes_ = now;
  }
  // The same to the last byte.
  void settle_memory_exactly(MemoryAccount& account) REQUIRES(mutex);
  int64_t memory_bytes() const REQUIRES(mutex) {
    int64_t bytes = 0;
    for (const unsigned db : used_) bytes += static_cast<int64_t>(keyspaces_[db]->memory_bytes());
    return std::max(bytes, floor_bytes_);
  }
  // What the first key takes beside itself, counted from the start: who sets a limit a little above
  // what is used (Redis's own tests do) has that little for keys, and not for tables.
  int64_t floor_bytes() const { return floor_bytes_; }
  // Databases that have a keyspace here.
  const std::vector<unsigned>& used() const REQUIRES(mutex) { return used_; }

  ShardServices services GUARDED_BY(mutex);

 private:
  friend class Store;
  Keyspace& make_keyspace(unsigned db) REQUIRES(mutex);

  std::vector<std::unique_ptr<Keyspace>> keyspaces_;
  std::vector<unsigned> used_;
  int64_t floor_bytes_ = 0;
  int64_t reported_bytes_ = 0;
};

// What the adviser has found, see Adviser.
struct EvictionAdvice {
  std::vector<Estimate> estimates;
  std::string setting;   // of an adaptive policy, in words
  uint64_t changes = 0;  // of it
  double sampled_reads = 0;  // 0: nothing is known yet
  int64_t limit_bytes = 0;
};

struct StoreOptions {
  unsigned shard_bits = 4;
  unsigned databases = 16;
  StoreEvents* events = nullptr;
  Reclaimer* reclaimer = nullptr;  // null: garbage is freed where it arises
};

struct DatabaseSize {
  size_t keys = 0;
  size_t with_expiry = 0;
};

// Sums over all shards, taken shard by shard.
struct StoreTotals {
  uint64_t expired_keys = 0;
  uint64_t expired_fields = 0;
  uint64_t evicted_keys = 0;
  size_t keys = 0;
  size_t table_bytes = 0;    // of tables
  size_t dataset_bytes = 0;  // of keys and values
};

class Store {
 public:
  explicit Store(const StoreOptions& options);
  ~Store();

  unsigned shard_count() const { return 1U << options_.shard_bits; }
  unsigned databases() const { return options_.databases; }
  unsigned shard_index(uint64_t hash) const {
    return options_.shard_bits == 0 ? 0 : static_cast<unsigned>(hash >> (64 - options_.shard_bits));
  }
  Shard& shard(unsigned index) { return shards_[index]; }
  Shard& shard_of(uint64_t hash) { return shards_[shard_index(hash)]; }
  MemoryAccount& memory() { return memory_; }
  // What it takes without a key.
  int64_t floor_bytes() const { return floor_bytes_; }

  // A limit below what is used is reached in steps, by make_room and evict_in_background.
  void set_memory_limit(int64_t bytes);
  // Changes how victims are chosen; no data is lost.
  void set_eviction_policy(const EvictionPolicyInfo& policy, const EvictionOptions& options);
  // Work that can wait: eviction's walks and clocks, the account of the policies' own memory,
  // compaction. Call some times a second for each group in turn.
  void tend_eviction(unsigned first, unsigned stride, int64_t now_ms);
  // Goes on towards a limit that was lowered. Returns true when it stopped with work left.
  bool evict_in_background(int64_t now_ms, uint64_t random);
  EvictionAdvice advice();
  std::vector<PolicyChange> eviction_history();
  unsigned group_count() const { return group_count_; }
  EvictionGroup& group(unsigned index) { return groups_[index]; }
  EvictionGroup& group_of(uint64_t hash) { return group_of_shard(shard_index(hash)); }
  // Evicts until the account is at or below the limit. Returns false when it is above and nothing
  // may be evicted. Takes shard locks one at a time: call without any.
  bool make_room(int64_t now_ms, uint64_t random);

  // Removes keys whose time has come, in steps that hold a lock for well under 200 us. Works on
  // shards `first`, `first + stride`, ... Returns true when it stopped with work left.
  bool expire_due(unsigned first, unsigned stride, int64_t now_ms);
  // Lower bound of the next expiry in these shards.
  int64_t next_expiry_ms(unsigned first, unsigned stride);
  // `DEBUG SET-ACTIVE-EXPIRE`.
  void set_active_expiry(bool on) { active_expiry_.store(on, std::memory_order_relaxed); }

  // A replica's keys are removed by its primary: no key is looked for whose time has come, and with
  // `hides` those that are met are hidden instead of removed. The caller holds every shard's lock.
  void set_follows_locked(bool follows, bool hides);
  // Whether a snapshot may be running; ShardServices::snapshot tells for sure. See snapshot.h.
  bool snapshot_runs() const { return snapshot_.load(std::memory_order_relaxed) != nullptr; }

  // Whether StoreEvents hears of every key that is added.
  void set_tell_added(bool on);
  // Rules for the lives of keys; null: none. Who changes keys applies them.
  void set_ttl_rules(const std::shared_ptr<const TtlRules>& rules);

  DatabaseSize database_size(unsigned db);
  StoreTotals totals();
  void reset_counters();
  // Empties a database, or all with kAllDatabases. The caller holds every shard's lock.
  static constexpr unsigned kAllDatabases = ~0U;
  size_t flush_locked(unsigned db);
  void swap_databases_locked(unsigned a, unsigned b);

  // Beside each database there is a hidden one, for data that takes the place of all there is when
  // it is complete. It counts as memory, and for nothing else.
  unsigned hidden(unsigned db) const { return options_.databases + db; }
  bool is_hidden(unsigned db) const { return db >= options_.databases; }
  // The hidden data is what there is from now on; or it goes. The caller holds every shard's lock.
  void reveal_locked();
  void drop_hidden_locked() { cut_off_locked(options_.databases, 2 * options_.databases); }

  // What was cut off in all shards, to be disposed of. The caller holds every shard's lock.
  GarbageList take_garbage_locked();
  // Frees what was cut off, here or through the reclaimer. Call without locks.
  void dispose(GarbageList garbage);
  // Null: garbage is freed where it arises.
  const Reclaimer* reclaimer() const { return options_.reclaimer; }
  // Makes the account exact, for INFO and for tests.
  void settle_memory();
  // The same for what left the store and is still held by replies. Call some times a second.
  void settle_left_over();
  void validate();

 private:
  friend class StoreSnapshot;
  EvictionGroup& group_of_shard(unsigned shard) {
    return groups_[shard >> EvictionGroup::kShardBits];
  }
  size_t cut_off_locked(unsigned first, unsigned end);
  unsigned shards_per_group() const { return shard_count() / group_count_; }
  unsigned fullest_group(uint64_t random) const;
  // Whose turn it is to lose an entry; a sample is taken in one shard of the group.
  struct Turn {
    unsigned group;
    unsigned home;
  };
  bool evict_from(const Turn& turn, int64_t now_ms, uint64_t random);
  bool evict_sampled(const Turn& turn, int64_t now_ms, uint64_t random);
  Item sample_worst(Keyspace& keyspace, EvictionGroup& group, uint64_t random);
  void fetch(unsigned group, const Upcoming& upcoming);
  template <typename List>
  void look_ahead(unsigned group, const EntryRef& ref, List& list);
  bool try_evict(unsigned group, const Candidate& candidate, int64_t now_ms);
  bool readmit_step(unsigned group, int64_t now_ms);
  void put_policy_into_force();
  ShardSet shards_of_group(unsigned group) const;
  void rebuild_group(unsigned group);
  void compact_group(unsigned group, int64_t now_ms);
  Capacity capacity_of_group(unsigned group);
  void tell_adviser();

  StoreOptions options_;
  std::unique_ptr<Shard[]> shards_;
  unsigned group_count_ = 1;
  int64_t floor_bytes_ = 0;  // of all shards without a key
  std::unique_ptr<EvictionGroup[]> groups_;
  std::unique_ptr<std::atomic<int64_t>[]> group_bytes_;  // as told to the account
  MemoryAccount memory_;
  std::atomic<int64_t> left_over_bytes_{0};  // as told to the account
  std::atomic<bool> evicts_{false};
  std::atomic<bool> lowering_{false};  // the limit was lowered below what is used
  Mutex wanted_mutex_;  // below all others
  const EvictionPolicyInfo* wanted_policy_ GUARDED_BY(wanted_mutex_) = nullptr;
  EvictionOptions wanted_options_ GUARDED_BY(wanted_mutex_);
  Mutex policy_mutex_;                 // taken before all others
  const EvictionPolicyInfo* policy_ GUARDED_BY(policy_mutex_) = nullptr;
  EvictionOptions policy_options_ GUARDED_BY(policy_mutex_);
  std::atomic<unsigned> samples_{5};
  std::atomic<bool> active_expiry_{true};
  std::atomic<bool> follows_{false};
  std::atomic<StoreSnapshot*> snapshot_{nullptr};
};

}  // namespace larder
