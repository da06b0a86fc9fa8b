#include "server/engine/needed_shards.h"

#include <utility>

#include "server/engine/call.h"
#include "server/engine/key_uses.h"
#include "server/engine/session.h"
#include "server/engine/transactions.h"
#include "storage/prefetch.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

void set_clock(Shard& shard, int64_t now_ms) NO_THREAD_SAFETY_ANALYSIS {
  if (now_ms != Call::kNoClock) [[likely]] shard.services.now_ms = now_ms;
}

// Commands about the server or any key may look into every shard.
bool reaches_all(const CommandSpec& spec) {
  return !spec.keys.names_keys() && !has(spec.flags, Flag::no_data) &&
         (spec.group == "generic" || spec.group == "server");
}

}  // namespace

void NeededShards::find(const Command& command, std::span<const Bytes> args,
                        const Session& session) {
  set_.clear();
  hashes_.clear();
  const Flag flags = command.spec->flags;
  if (has(flags, Flag::whole_store)) {
    set_ = all_shards(store_);
  } else if (has(flags, Flag::runs_queue)) {
    add_of_queue(session);
  } else {
    add_of(command, args);
  }
}

void NeededShards::find(std::span<const unsigned> shards) {
  set_.clear();
  hashes_.clear();
  for (const unsigned shard : shards) set_.add(shard);
}

void NeededShards::add(uint64_t hash) {
  set_.add(store_.shard_index(hash));
  if (hashes_.size() < kFetchedMost) hashes_.push_back(hash);
}

// Arguments that do not fit the card lock nothing more; the handler will say what is wrong.
void NeededShards::add_of(const Command& command, std::span<const Bytes> args) {
  std::vector<size_t> keys;
  if (!find_keys(*command.spec, args, keys)) return;
  for (const size_t key : keys) add(hash_of(args[key]));
}

void NeededShards::add_of_queue(const Session& session) {
  if (session.transaction == nullptr) return;
  for (const auto& watch : session.transaction->watches) {
    set_.add(store_.shard_index(watch->key.hash));
  }
  for (const KeptRequest& request : session.transaction->queue) {
    const CommandSpec& spec = *request.command->spec;
    if (reaches_all(spec) || has(spec.flags, Flag::whole_store)) {
      set_ = all_shards(store_);
      return;
    }
    if (request.first_key != 0 && request.command->one_key) [[likely]] {
      add(request.hash);
    } else {
      add_of(*request.command, request.args);
    }
  }
}

bool NeededShards::lock(int64_t now_ms) NO_THREAD_SAFETY_ANALYSIS {
  if (!lock_shards(store_, set_)) return false;
  set_.each([&](unsigned shard) { set_clock(store_.shard(shard), now_ms); });
  return true;
}

void NeededShards::fetch(unsigned db) const {
  if (hashes_.size() < 2) return;
  fetch_all<BucketList>(db);
  fetch_all<EntryList>(db);
}

template <typename List>
void NeededShards::fetch_all(unsigned db) const {
  List list;
  for (const uint64_t hash : hashes_) look_ahead(store_.shard_of(hash), hash, db, list);
  list.fetch();
}

void NeededShards::unlock(bool wrote, GarbageList& garbage) NO_THREAD_SAFETY_ANALYSIS {
  set_.each([&](unsigned index) NO_THREAD_SAFETY_ANALYSIS {
    Shard& shard = store_.shard(index);
    if (wrote) shard.settle_memory(store_.memory());
    for (auto& piece : shard.services.garbage) garbage.push_back(std::move(piece));
    shard.services.garbage.clear();
    shard.mutex.unlock();
  });
}

void NeededShards::hold_one(unsigned shard) {
  set_.clear();
  set_.add(shard);
}

void NeededShards::take(unsigned index, int64_t now_ms, bool for_long) NO_THREAD_SAFETY_ANALYSIS {
  if (set_.has(index)) [[likely]] return;
  Shard& shard = store_.shard(index);
  shard.mutex.lock();
  set_clock(shard, now_ms);
  set_.add(index);
  if (for_long) shard.held_for_long.store(true, std::memory_order_relaxed);
}

void NeededShards::take_of(const Command& command, std::span<const Bytes> args, int64_t now_ms,
                           bool for_long) {
  if (has(command.spec->flags, Flag::whole_store)) {
    for (unsigned i = 0; i < store_.shard_count(); ++i) take(i, now_ms, for_long);
    return;
  }
  std::vector<size_t> keys;
  if (!command.spec->keys.names_keys() || !find_keys(*command.spec, args, keys)) return;
  for (const size_t key : keys) take(store_.shard_index(hash_of(args[key])), now_ms, for_long);
}

void NeededShards::set_held_for_long(bool on) {
  set_.each([&](unsigned shard) {
    store_.shard(shard).held_for_long.store(on, std::memory_order_relaxed);
  });
}

bool NeededShards::any_held_for_long() const {
  return !set_.all([&](unsigned shard) {
    return !store_.shard(shard).held_for_long.load(std::memory_order_relaxed);
  });
}

}  // namespace larder
