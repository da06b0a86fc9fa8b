// The shards that a request needs: found by its command's card, locked together, given back. A
// script takes more on its way. One request's at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "server/engine/registry.h"
#include "storage/shard_set.h"
#include "storage/store.h"

namespace larder {

struct Session;

class NeededShards {
 public:
  explicit NeededShards(Store& store) : store_(store) {}

  // Of a request: its keys' shards, all of them, or those of what EXEC will run. Each begins anew.
  void find(const Command& command, std::span<const Bytes> args, const Session& session);
  void find(std::span<const unsigned> shards);

  // All of them or none: false when a script holds one for long. They are at `now_ms`, unless that
  // is Call::kNoClock. Call without locks.
  bool lock(int64_t now_ms);
  // Asks for the memory of the keys that were found, of all at once. Their shards are locked.
  void fetch(unsigned db) const;
  // What was put aside to be freed is put into `garbage`. `wrote`: memory may have changed.
  void unlock(bool wrote, GarbageList& garbage);
  // Of a shard that was locked without this.
  void hold_one(unsigned shard);
  bool holds(unsigned shard) const { return set_.has(shard); }
  // A bit each; for ShardsHeld.
  const uint64_t* held_words() const { return set_.words(); }

  // One more, or those of a command, while others are held: only the script that has the turn may.
  void take(unsigned shard, int64_t now_ms, bool for_long);
  void take_of(const Command& command, std::span<const Bytes> args, int64_t now_ms, bool for_long);
  // Nobody waits for them meanwhile.
  void set_held_for_long(bool on);
  // A script holds one of those found so.
  bool any_held_for_long() const;

 private:
  // What is asked for at once should stay in the processor's second cache: 300 bytes a key.
  static constexpr size_t kFetchedMost = 1024;

  void add(uint64_t hash);
  template <typename List>
  void fetch_all(unsigned db) const NO_THREAD_SAFETY_ANALYSIS;
  void add_of(const Command& command, std::span<const Bytes> args);
  void add_of_queue(const Session& session);

  Store& store_;
  ShardSet set_;  // needed, then held
  std::vector<uint64_t> hashes_;  // of the first kFetchedMost keys found
};

}  // namespace larder
