// Runs requests: finds the card, passes the gates, locks the shards of the card's keys, calls the
// handler, unlocks, counts.
//
// Lock order: shards ascending, then nothing. Under a shard lock: no I/O, no wait, no log line.
// One dispatcher per worker, used on its thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "server/commands/blocking.h"
#include "server/commands/call.h"
#include "server/commands/gates.h"

namespace larder {

// A parsed request on its way through the batch.
struct Request {
  std::span<const Bytes> args;
  const Command* command = nullptr;
  uint64_t hash = 0;       // of the first key
  uint32_t first_key = 0;  // its argument; 0: none
};

class Dispatcher {
 public:
  enum class Outcome {
    done,       // a reply was written
    task,       // take_task() goes on with it
    postponed,  // run the same request again later (CLIENT PAUSE)
  };

  Dispatcher(Services& services, WorkerContext& worker);

  // Looks up the card and hashes the first key.
  void prepare(Request& request) const;
  // Asks the processor for the cache lines that the request will need: first the bucket, in a
  // later pass the entry it points at.
  void prefetch_bucket(const Request& request, const Session& session);
  void prefetch_entry(const Request& request, const Session& session);

  Outcome run(const Request& request, Session& session, ReplyWriter& reply, int64_t now_ms,
              const std::shared_ptr<Waker>& waker);
  std::unique_ptr<Task> take_task() { return std::move(task_); }
  // Runs one command of a transaction or a script whose shards are held, and writes its reply.
  void run_nested(Call& outer, const Command& command, std::span<const Bytes> args);
  // A key that somebody waits for was changed: its waiters have their turn when the command is
  // over.
  void note_ready(KeyPlace key) { ready_.push_back(std::move(key)); }
  // Puts a client that waits on the lists of its command's keys, whose shards are held.
  void list_waiter(const std::shared_ptr<Waiter>& waiter);
  // The error reply of a request that could not even be parsed.
  void protocol_error(Bytes text, ReplyWriter& reply);

 private:
  static constexpr size_t kShardWords = (1U << kShardBitsMax) / 64;

  void queue(const Request& request, Session& session, ReplyWriter& reply);
  void find_shards(const Request& request, Call& call);
  void want_shard(unsigned shard) { shard_set_[shard / 64] |= uint64_t{1} << shard % 64; }
  void want_all_shards();
  void want_shards_of(const Command& command, std::span<const Bytes> args);
  void want_shards_of_queue(const Session& session);
  bool holds(unsigned shard) const {
    return held_one_ ? *held_one_ == shard : (shard_set_[shard / 64] >> shard % 64 & 1) != 0;
  }
  Status run_one_key(const Request& request, Call& call);
  Status run_many_keys(const Request& request, Call& call);
  void dispose_garbage();
  void write_ahead(const Call& call);

  // Serving clients that wait, see blocking.h.
  void serve_ready(int64_t now_ms);
  void serve_key(const KeyPlace& key, const Waiter* from, int64_t now_ms);
  bool may_serve(const KeyPlace& key, const Waiter& waiter, int64_t now_ms);
  Status refusal_of(Waiter& waiter);
  void retry(const std::shared_ptr<Waiter>& waiter, int64_t now_ms);
  void serve_late(int64_t now_ms);
  void wake_served();
  void lock_shards(int64_t now_ms);
  void unlock_shards(bool wrote);
  Status run_locked(const Request& request, Call& call);
  void refuse(const Request& request, const Status& status, ReplyWriter& reply);
  void account(const Request& request, const Session& session, uint64_t spent_ticks,
               const Status& status);
  void note_slow(const Request& request, const Session& session, int64_t us);
  void feed_monitors(const Request& request, const Session& session);

  Services& services_;
  WorkerContext& worker_;
  std::unique_ptr<Task> task_;
  GarbageList garbage_;  // of the command that runs, freed when its locks are given back
  std::array<uint64_t, kShardWords> shard_set_{};  // bit s: shard s is wanted, or held
  std::optional<unsigned> held_one_;               // instead of the set
  std::vector<KeyPlace> ready_;
  // Waiters that need more shards than were held: their turn comes after unlocking.
  struct Late {
    KeyPlace key;
    std::shared_ptr<Waiter> waiter;
  };
  std::vector<Late> late_;
  std::vector<std::shared_ptr<Waiter>> served_;
};

// Argument indexes of a call's keys, by its card. False when the arguments don't fit the card.
bool find_keys(const CommandSpec& spec, std::span<const Bytes> args, std::vector<size_t>& keys);
// The same for one of a card's key specs, without those behind it.
bool find_keys(const KeySpec& where, std::span<const Bytes> args, std::vector<size_t>& keys);

}  // namespace larder
