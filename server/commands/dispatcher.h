// Runs requests: finds the card, passes the gates, locks the shards of the card's keys, calls the
// handler, unlocks, counts.
//
// Lock order and what is forbidden under a lock: docs/ARCHITECTURE.md, "Locks".
// One dispatcher per worker, used on its thread only; a second one serves other clients while a
// script runs on the worker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "server/commands/blocking.h"
#include "server/commands/call.h"
#include "server/commands/gates.h"
#include "storage/shard_lock.h"

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
    postponed,  // run the same request again later (CLIENT PAUSE, a long script)
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
  // The same for a request of the primary that this server follows: it may do anything, and sees
  // keys whose time has come until the primary removes them.
  Outcome run_stream(const Request& request, Session& session, ReplyWriter& reply, int64_t now_ms,
                     const std::shared_ptr<Waker>& waker);
  std::unique_ptr<Task> take_task() { return std::move(task_); }
  // Runs one command of a transaction or a script whose shards are held, and writes its reply.
  void run_nested(Call& outer, const Request& request);
  // The answer of the one that was run last is not there yet, see Task::only_asks; else null.
  std::unique_ptr<Task> take_late_answer() { return std::move(late_answer_); }
  // Runs a request that was run before: of the append-only file. Nothing stands in its way, no
  // key's time has come, and it has no effects of its own. Returns what makes it impossible, or
  // nothing.
  std::string replay(std::span<const Bytes> args, Session& session, ReplyWriter& reply);
  // The same for a script, which may reach for keys whose shards are not held yet: they are taken.
  // The reply goes to `reply`.
  void run_in_script(Call& outer, const Command& command, std::span<const Bytes> args,
                     ReplyWriter& reply, EffectFor effect_for);
  // A script may not run the command (null: there is none), which the script is told.
  void refuse_script(const Command* command, Bytes error);
  // The error that the running handler will return was counted where it came up, in a command of
  // its script.
  void error_is_counted() { error_counted_ = true; }
  // As it was before the running request.
  bool is_out_of_memory() const { return out_of_memory_; }
  // For INFO: an error was answered.
  void count_error(Bytes text);
  // The script that has the turn runs for long: whoever comes to its shards shall know.
  void become_long();
  // A key that somebody waits for was changed: its waiters have their turn when the command is
  // over.
  void note_ready(KeyPlace key) { ready_.push_back(std::move(key)); }
  // Puts a client that waits on the lists of its command's keys, whose shards are held.
  void list_waiter(const std::shared_ptr<Waiter>& waiter);
  // What the running command, or transaction, will append to the effect log.
  EffectBatch& effects() { return effects_; }
  // A rule gave a key another life than the command did: told behind the command's own effect.
  void note_life(const Key& key, unsigned db, int64_t expiry_ms) {
    lives_.push_back({{key, db}, expiry_ms});
  }
  // The error reply of a request that could not even be parsed.
  void protocol_error(Bytes text, ReplyWriter& reply);
  // Clients that wait and could not be served because of a script are; and those whose key went by
  // itself.
  void serve_held_up(int64_t now_ms);

 private:
  // Behind the gates.
  Outcome run_passed(const Request& request, Session& session, ReplyWriter& reply, int64_t now_ms,
                     const std::shared_ptr<Waker>& waker);
  void queue(const Request& request, Session& session, ReplyWriter& reply);
  void find_shards(const Request& request, const Session& session);
  void want_shard(unsigned shard) { shards_.add(shard); }
  void want_all_shards() { shards_ = all_shards(services_.store); }
  void want_shards_of(const Command& command, std::span<const Bytes> args);
  void want_shards_of_queue(const Session& session);
  bool holds(unsigned shard) const {
    return held_one_ ? *held_one_ == shard : shards_.has(shard);
  }
  Status run_one_key(const Request& request, Call& call);
  Status run_many_keys(const Request& request, Call& call);
  void dispose_garbage();
  GateInput gate_input(const Request& request, Session& session, int64_t now_ms);
  void write_ahead(const Call& call);
  Status run_with_turn(const Request& request, Call& call);
  struct Nested {
    const Request& request;
    ReplyWriter& reply;
    bool in_script;
    EffectFor effect_for;
  };
  Status script_refusal(Call& outer, const Nested& nested);
  void run_inside(Call& outer, const Nested& nested);
  void take_shards_of(const Command& command, std::span<const Bytes> args, Call& call);
  void take_shard(unsigned shard, int64_t now_ms);
  void end_long_script();

  // Beside a script that runs for long.
  std::optional<Outcome> beside_script(const Request& request, Session& session,
                                       ReplyWriter& reply);
  bool held_up(const Request& request, const Session& session, bool busy);
  Outcome hold_up(const Request& request, Session& session, ReplyWriter& reply);

  // Serving clients that wait, see blocking.h.
  void serve_ready(int64_t now_ms);
  void serve_key(const KeyPlace& key, const Waiter* from, int64_t now_ms);
  bool may_serve(const KeyPlace& key, const Waiter& waiter, int64_t now_ms);
  Status refusal_of(Waiter& waiter);
  void retry(const std::shared_ptr<Waiter>& waiter, int64_t now_ms);
  void serve_late(int64_t now_ms);
  void wake_served();
  void note_effects(Call& call);
  void gather_effects(Call& call);
  void note_own_keys(const Call& call);
  void gather_lives(Call& call);
  std::span<const Bytes> canonical(const Call& call);
  bool lock_wanted(int64_t now_ms);
  void unlock_wanted(bool wrote);
  Status run_locked(const Request& request, Call& call);
  void refuse(const Request& request, const Status& status, ReplyWriter& reply);
  void account(const Request& request, const Session& session, uint64_t spent_ticks,
               const Status& status);
  void note_slow(const Request& request, const Session& session, int64_t us);
  void feed_monitors(const Request& request, const Session& session, bool in_script);

  Services& services_;
  WorkerContext& worker_;
  std::unique_ptr<Task> task_;
  std::unique_ptr<Task> late_answer_;  // of a transaction's command
  GarbageList garbage_;  // of the command that runs, freed when its locks are given back
  ShardSet shards_;                   // wanted, or held
  std::optional<unsigned> held_one_;  // instead of the set
  bool has_turn_ = false;             // of scripts; another's may be the long one
  bool was_long_ = false;             // the script that ended was
  EffectBatch effects_;
  struct Life {
    KeyPlace key;
    int64_t expiry_ms;
  };
  std::vector<Life> lives_;
  bool replaying_ = false;
  bool error_counted_ = false;
  bool out_of_memory_ = false;
  std::vector<Bytes> words_;  // of an effect
  std::vector<KeyPlace> ready_;
  // Waiters that need more shards than were held: their turn comes after unlocking.
  struct Late {
    KeyPlace key;
    std::shared_ptr<Waiter> waiter;
  };
  std::vector<Late> late_;
  std::vector<std::shared_ptr<Waiter>> served_;
};

}  // namespace larder
