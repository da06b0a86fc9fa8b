#include "storage/store.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "storage/events.h"
#include "storage/expiry_pause.h"
#include "storage/shard_lock.h"
#include "storage/snapshot.h"

namespace larder {
namespace {

// References looked at under one hold of a lock: about 100 ns each, so some 25 us.
constexpr size_t kExpireBudget = 256;
// Holds per shard and call; the caller comes back soon when work is left.
constexpr unsigned kExpireHolds = 8;

}  // namespace

Keyspace& Shard::make_keyspace(unsigned db) {
  keyspaces_[db] = std::make_unique<Keyspace>(db, services, services.now_ms);
  used_.push_back(db);
  return *keyspaces_[db];
}

std::unique_ptr<Keyspace> Shard::take_keyspace(unsigned db) {
  std::unique_ptr<Keyspace> taken = std::move(keyspaces_[db]);
  std::erase(used_, db);
  return taken;
}

void Shard::swap_keyspaces(unsigned a, unsigned b) {
  std::swap(keyspaces_[a], keyspaces_[b]);
  used_.clear();
  for (unsigned db = 0; db < keyspaces_.size(); ++db) {
    if (keyspaces_[db] == nullptr) continue;
    keyspaces_[db]->set_db(db);
    used_.push_back(db);
  }
}

void Shard::settle_memory_exactly(MemoryAccount& account) {
  const int64_t now = memory_bytes();
  account.add(now - reported_bytes_);
  reported_bytes_ = now;
}

Store::Store(const StoreOptions& options) : options_(options) {
  CHECK(options.shard_bits <= kShardBitsMax);
  CHECK(options.databases >= 1 && options.databases <= kDatabasesMax);
  shards_ = std::make_unique<Shard[]>(shard_count());
  group_count_ = std::max(shard_count() >> EvictionGroup::kShardBits, 1U);
  groups_ = std::make_unique<EvictionGroup[]>(group_count_);
  group_bytes_ = std::make_unique<std::atomic<int64_t>[]>(group_count_);
  for (unsigned i = 0; i < shard_count(); ++i) {
    const ShardLock lock(shards_[i], i);
    shards_[i].keyspaces_.resize(2 * options.databases);
    ShardServices& services = shards_[i].services;
    services.shard_index = i;
    services.shard_bits = options.shard_bits;
    services.events = options.events;
    services.eviction = &group_of_shard(i);
    services.home = static_cast<uint8_t>(i % shards_per_group());
    shards_[i].floor_bytes_ = static_cast<int64_t>(Keyspace(0, services, 0).memory_bytes());
    floor_bytes_ += shards_[i].floor_bytes_;
    shards_[i].settle_memory_exactly(memory_);
  }
  set_memory_limit(0);
  set_eviction_policy(*find_eviction_policy("noeviction"), {});
}

Store::~Store() = default;

bool Store::expire_due(unsigned first, unsigned stride, int64_t now_ms) {
  if (!active_expiry_.load(std::memory_order_relaxed)) return false;
  if (follows_.load(std::memory_order_relaxed) || is_expiry_paused(now_ms)) return false;
  bool more = false;
  for (unsigned i = first; i < shard_count(); i += stride) {
    Shard& shard = shards_[i];
    for (unsigned hold = 0; hold < kExpireHolds; ++hold) {
      const ShardChange change(*this, shard, i, now_ms);
      if (!change) break;
      bool left = false;
      for (const unsigned db : shard.used_) {
        left |= shard.keyspaces_[db]->expire_step(now_ms, kExpireBudget);
        if (shard.keyspaces_[db]->size() == 0) shard.keyspaces_[db]->trim();
      }
      if (!left) break;
      more |= hold + 1 == kExpireHolds;
    }
  }
  return more;
}

int64_t Store::next_expiry_ms(unsigned first, unsigned stride) {
  int64_t next = std::numeric_limits<int64_t>::max();
  for (unsigned i = first; i < shard_count(); i += stride) {
    Shard& shard = shards_[i];
    const ShardLock lock(shard, i);
    if (!lock) continue;
    for (const unsigned db : shard.used_) {
      next = std::min(next, shard.keyspaces_[db]->next_expiry_ms());
    }
  }
  return next;
}

void Store::set_tell_added(bool on) {
  for (unsigned i = 0; i < shard_count(); ++i) {
    const ShardLock lock(shards_[i], i);
    if (!lock) continue;
    ShardServices& services = shards_[i].services;
    services.tell_added = on && options_.events != nullptr;
    services.note_added = services.tell_added || services.ttl_rules != nullptr;
  }
}

void Store::set_ttl_rules(const std::shared_ptr<const TtlRules>& rules) {
  for (unsigned i = 0; i < shard_count(); ++i) {
    const ShardLock lock(shards_[i], i);
    if (!lock) continue;
    ShardServices& services = shards_[i].services;
    services.ttl_rules = rules;
    services.note_added = services.tell_added || rules != nullptr;
  }
}

void Store::set_follows_locked(bool follows, bool hides) NO_THREAD_SAFETY_ANALYSIS {
  follows_.store(follows, std::memory_order_relaxed);
  for (unsigned i = 0; i < shard_count(); ++i) shards_[i].services.keeps_expired = hides;
}

DatabaseSize Store::database_size(unsigned db) {
  DatabaseSize size;
  for (unsigned i = 0; i < shard_count(); ++i) {
    const ShardLock lock(shards_[i], i);
    if (!lock) continue;
    const Keyspace* keyspace = shards_[i].find_keyspace(db);
    if (keyspace == nullptr) continue;
    size.keys += keyspace->size();
    size.with_expiry += keyspace->volatile_count();
  }
  return size;
}

StoreTotals Store::totals() {
  StoreTotals totals;
  for (unsigned i = 0; i < shard_count(); ++i) {
    Shard& shard = shards_[i];
    const ShardLock lock(shard, i);
    if (!lock) continue;
    totals.expired_keys += shard.services.expired_keys;
    totals.expired_fields += shard.services.expired_fields;
    totals.evicted_keys += shard.services.evicted_keys;
    for (const unsigned db : shard.used_) {
      const Keyspace& keyspace = *shard.keyspaces_[db];
      if (!is_hidden(db)) totals.keys += keyspace.size();
      totals.table_bytes += keyspace.table().memory_bytes();
      totals.dataset_bytes += keyspace.memory_bytes() - keyspace.table().memory_bytes();
    }
  }
  return totals;
}

void Store::reset_counters() {
  for (unsigned i = 0; i < shard_count(); ++i) {
    const ShardLock lock(shards_[i], i);
    if (!lock) continue;
    shards_[i].services.expired_keys = 0;
    shards_[i].services.expired_fields = 0;
    shards_[i].services.evicted_keys = 0;
  }
  if (options_.reclaimer != nullptr) options_.reclaimer->reset_freed();
}

size_t Store::flush_locked(unsigned db) {
  return db == kAllDatabases ? cut_off_locked(0, options_.databases) : cut_off_locked(db, db + 1);
}

void Store::reveal_locked() {
  flush_locked(kAllDatabases);
  for (unsigned db = 0; db < options_.databases; ++db) swap_databases_locked(db, hidden(db));
}

size_t Store::cut_off_locked(unsigned first, unsigned end) NO_THREAD_SAFETY_ANALYSIS {
  size_t removed = 0;
  for (unsigned i = 0; i < shard_count(); ++i) {
    Shard& shard = shards_[i];
    const std::vector<unsigned> used = shard.used_;
    for (const unsigned each : used) {
      if (each < first || each >= end) continue;
      auto keyspace = shard.take_keyspace(each);
      removed += keyspace->size();
      if (StoreSnapshot* snapshot = shard.services.snapshot) {
        keyspace = snapshot->keep(i, std::move(keyspace));
      }
      if (keyspace) shard.services.garbage.push_back(std::move(keyspace));
    }
    if (shard.used_.empty()) shard.services.had_field_expiries = false;
    shard.settle_memory_exactly(memory_);
  }
  // What is left, of other databases, is queued anew.
  for (unsigned i = 0; i < group_count_; ++i) groups_[i].forget();
  return removed;
}

void Store::swap_databases_locked(unsigned a, unsigned b) NO_THREAD_SAFETY_ANALYSIS {
  for (unsigned i = 0; i < shard_count(); ++i) shards_[i].swap_keyspaces(a, b);
  // A walk that goes on may be past the one and not yet at the other.
  for (unsigned i = 0; i < group_count_; ++i) groups_[i].walk_again.store(true);
}

GarbageList Store::take_garbage_locked() NO_THREAD_SAFETY_ANALYSIS {
  GarbageList garbage;
  for (unsigned i = 0; i < shard_count(); ++i) {
    for (auto& piece : shards_[i].services.garbage) garbage.push_back(std::move(piece));
    shards_[i].services.garbage.clear();
  }
  return garbage;
}

void Store::dispose(GarbageList garbage) {
  if (options_.reclaimer != nullptr) options_.reclaimer->reclaim(std::move(garbage));
}

void Store::settle_memory() {
  for (unsigned i = 0; i < shard_count(); ++i) {
    const ShardLock lock(shards_[i], i);
    if (lock) shards_[i].settle_memory_exactly(memory_);
  }
  settle_left_over();
  memory_.note_peak();
}

void Store::settle_left_over() {
  const int64_t bytes = Blob::left_over_bytes();
  memory_.add(bytes - left_over_bytes_.exchange(bytes, std::memory_order_relaxed));
}

void Store::validate() {
  for (unsigned i = 0; i < shard_count(); ++i) {
    const ShardLock lock(shards_[i], i);
    if (!lock) continue;
    for (const unsigned db : shards_[i].used_) shards_[i].keyspaces_[db]->validate();
  }
}

}  // namespace larder
