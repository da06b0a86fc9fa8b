#include "server/engine/transactions.h"

#include <algorithm>
#include <utility>

#include "server/engine/call.h"
#include "server/engine/session.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

size_t block_bytes(std::span<const Bytes> args) {
  size_t bytes = args.size() * sizeof(Bytes);
  for (const Bytes arg : args) bytes += arg.size();
  return bytes;
}

}  // namespace

KeptRequest::KeptRequest(const Command* command_, std::span<const Bytes> from,
                         std::pmr::memory_resource& memory)
    : command(command_) {
  auto* const views = static_cast<Bytes*>(memory.allocate(block_bytes(from), alignof(Bytes)));
  auto* text = reinterpret_cast<char*>(views + from.size());
  for (size_t i = 0; i < from.size(); ++i) {
    std::construct_at(views + i, text, from[i].size());
    text = std::copy(from[i].begin(), from[i].end(), text);
  }
  args = {views, from.size()};
}

size_t KeptRequest::bytes_of(std::span<const Bytes> args) {
  return sizeof(KeptRequest) + block_bytes(args);
}

KeptRequest::KeptRequest(const Request& request, std::pmr::memory_resource& memory)
    : KeptRequest(request.command, request.args, memory) {
  first_key = request.first_key;
  hash = request.hash;
}

namespace {

void mark(Watch& watch) { watch.touched.store(true, std::memory_order_relaxed); }

// Drops those of clients that went while a script held the shard, see end_transaction.
void drop_left(Watches& watches, const Watches::List& list) {
  const Watches::List copy = list;
  for (const auto& watch : copy) {
    if (watch.use_count() == 2) watches.remove(watch->key, watch.get());
  }
}

// The key's whole database is about to go, or to have another's place; either may lack the key.
// One that is there only until somebody meets it, as its time has come, counts as missing.
void note_replaced(const Watches::List& list, Item before, Item after, int64_t now_ms) {
  if (!before && !after) return;
  const bool late = after && after->expired(now_ms);
  for (const auto& watch : list) {
    const bool changes = watch->was_expired ? after && !late : before || !late;
    if (changes) mark(*watch);
    watch->was_expired = !changes && late;
  }
}

Item find_watched(Store& store, const KeyPlace& key, unsigned db) NO_THREAD_SAFETY_ANALYSIS {
  Keyspace* keys = store.shard_of(key.hash).find_keyspace(db);
  return keys == nullptr ? Item() : keys->find(key.key());
}

}  // namespace

void touch_watches(Watches& watches, const Key& key, unsigned db) {
  const Watches::List* list = watches.find(key, db);
  if (list == nullptr) [[likely]] return;
  for (const auto& watch : *list) mark(*watch);
  drop_left(watches, *list);
}

void touch_gone_watches(Watches& watches, const Key& key, unsigned db) {
  const Watches::List* list = watches.find(key, db);
  if (list == nullptr) [[likely]] return;
  for (const auto& watch : *list) {
    if (!std::exchange(watch->was_expired, false)) mark(*watch);
  }
  drop_left(watches, *list);
}

void touch_all_watches(Watches& watches, Store& store, unsigned db) {
  watches.each([&](const Watches::List& list) {
    const KeyPlace& key = list.front()->key;
    if (db != Store::kAllDatabases && db != key.db) return;
    note_replaced(list, find_watched(store, key, key.db), {}, 0);
  });
}

void touch_swapped_watches(Watches& watches, Store& store, unsigned a, unsigned b,
                           int64_t now_ms) {
  watches.each([&](const Watches::List& list) {
    const KeyPlace& key = list.front()->key;
    if (key.db != a && key.db != b) return;
    note_replaced(list, find_watched(store, key, key.db),
                  find_watched(store, key, key.db == a ? b : a), now_ms);
  });
}

void end_transaction(Watches& watches, Store& store, Session& session) {
  if (session.transaction == nullptr) return;
  for (const auto& watch : session.transaction->watches) {
    const unsigned shard = store.shard_index(watch->key.hash);
    if (!may_wait_for_shard(shard)) continue;
    const ShardLock lock(store.shard(shard), shard);
    // Else a script holds the key for long, and who changes the key next takes it off the list.
    if (lock) watches.remove(watch->key, watch.get());
  }
  session.transaction.reset();
}

}  // namespace larder
