// MULTI, EXEC, WATCH: commands that run together, and only if what was looked at has not changed.
//
// Between MULTI and EXEC the dispatcher queues requests instead of running them. EXEC holds the
// locks of the shards of all their keys and of all watched keys, so it is atomic and isolated
// whatever other workers do. A watch is listed under its key in the key's shard; whoever changes
// the key, by whatever means, marks it under the shard's lock.
// Source: https://redis.io/docs/latest/develop/interact/transactions/
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "server/engine/by_key.h"

namespace larder {

struct Command;
struct Request;
struct Session;

// A request kept beyond its buffer, in one block of memory of whoever owns it.
struct KeptRequest {
  KeptRequest(const Command* command, std::span<const Bytes> args,
              std::pmr::memory_resource& memory);
  KeptRequest(const Request& request, std::pmr::memory_resource& memory);
  // The memory that keeping these takes.
  static size_t bytes_of(std::span<const Bytes> args);

  const Command* command;
  std::span<const Bytes> args;
  uint32_t first_key = 0;  // as in Request
  uint64_t hash = 0;
};

// One WATCH of one client.
struct Watch {
  std::atomic<bool> touched{false};
  bool was_expired = false;  // its time had come and it was there still: going is no change then
  uint64_t client = 0;       // that said WATCH; 0: a command watches for itself
  KeyPlace key;

  explicit Watch(KeyPlace key_) : key(std::move(key_)) {}
};

using Watches = ByKey<Watch>;

struct Transaction {
  bool open = false;    // behind MULTI
  bool runs = false;    // EXEC is at work
  bool failed = false;  // a request was refused: EXEC will not run
  // Goes at once with all that is queued.
  std::pmr::monotonic_buffer_resource memory;
  std::vector<KeptRequest> queue;
  size_t queued_bytes = 0;  // of memory, for them
  std::vector<std::shared_ptr<Watch>> watches;
};

inline bool in_multi(const Transaction* transaction) {
  return transaction != nullptr && transaction->open;
}

// Marks the watches of a key that a command has changed. Under its shard's lock.
void touch_watches(Watches& watches, const Key& key, unsigned db);
// The same for one that goes by itself: no change for who watched it when its time had come.
void touch_gone_watches(Watches& watches, const Key& key, unsigned db);
// Marks the watches of all keys of a database that are there, or of all databases. Under every
// shard's lock, before the keys go.
void touch_all_watches(Watches& watches, Store& store, unsigned db);
// Two databases are about to change places. Under every shard's lock.
void touch_swapped_watches(Watches& watches, Store& store, unsigned a, unsigned b, int64_t now_ms);
// Forgets queue and watches. Takes shard locks: call without.
void end_transaction(Watches& watches, Store& store, Session& session);

}  // namespace larder
