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

#include "base/clock.h"
#include "server/engine/blocking.h"
#include "server/engine/call.h"
#include "server/engine/effect_gatherer.h"
#include "server/engine/gates.h"
#include "server/engine/needed_shards.h"

namespace larder {

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
  // What the processor is asked for before the requests run: first the buckets, in a later pass the
  // entries that they point at.
  template <typename List>  // BucketList, EntryList
  void look_ahead(std::span<const Request> requests, const Session& session, List& list);

  // Requests begin to run now, one after the other: the time of the first counts from here.
  void start_clock() { laps_.start(); }
  // Ticks when the last command was over, or start_clock.
  uint64_t clock_ticks() const { return laps_.began(); }
  Outcome run(const Request& request, Session& session, ReplyWriter& reply, int64_t now_ms,
              const std::shared_ptr<Waker>& waker);
  // The same for a request of the primary that this server follows: it may do anything, and sees
  // keys whose time has come until the primary removes them.
  Outcome run_stream(const Request& request, Session& session, ReplyWriter& reply, int64_t now_ms,
                     const std::shared_ptr<Waker>& waker);
  std::unique_ptr<Task> take_task() { return std::move(task_); }
  // Runs a request that was run before: of the append-only file. Nothing stands in its way, no
  // key's time has come, and it has no effects of its own. Returns what makes it impossible, or
  // nothing.
  std::string replay(std::span<const Bytes> args, Session& session, ReplyWriter& reply);
  // The error reply of a request that could not even be parsed.
  void protocol_error(Bytes text, ReplyWriter& reply);

  // For the handlers.
  //
  // Runs one command of a transaction whose shards are held, and writes its reply.
  void run_nested(Call& outer, const Request& request);
  // The answer of the one that was run last is not there yet, see Task::only_asks; else null.
  std::unique_ptr<Task> take_late_answer() { return std::move(late_answer_); }
  // Runs one command of a script, which may reach for keys whose shards are not held yet: they are
  // taken. The reply goes to `reply`.
  void run_in_script(Call& outer, const Command& command, std::span<const Bytes> args,
                     ReplyWriter& reply, EffectFor effect_for);
  // A script may not run the command (null: there is none), which the script is told.
  void refuse_script(const Command* command, Bytes error);
  // The error that the running handler will return was counted where it came up, in a command of
  // its script.
  void error_is_counted() { error_counted_ = true; }
  // The script that has the turn runs for long: whoever comes to its shards shall know.
  void become_long();
  // As it was before the running request.
  bool is_out_of_memory() const { return out_of_memory_; }
  // For INFO: an error was answered.
  void count_error(Bytes text);
  // The same, if what a task wrote since `mark` is an error. Call it when the task is over.
  void count_error_of(const Task& task, const Output& output, size_t mark);
  EffectGatherer& effects() { return effects_; }

  // Clients that wait for keys, see blocking.h.
  //
  // Puts a client on the lists of its command's keys, whose shards are held.
  void list_waiter(const std::shared_ptr<Waiter>& waiter);
  // A key that somebody waits for was changed: its waiters have their turn when the command is
  // over.
  void note_ready(KeyPlace key) { ready_.push_back(std::move(key)); }
  // Those that could not be served because of a script are; and those whose key went by itself.
  void serve_held_up(int64_t now_ms);

 private:
  friend class Call;

  // An error that a primary's stream got is one for the log as well.
  void note_failure_of_stream(const Request& request, const Session& session,
                              const Status& status);
  // From the gates to the handler and back.
  GateInput gate_input(const Request& request, Session& session, int64_t now_ms);
  Outcome run_passed(const Request& request, Session& session, ReplyWriter& reply, int64_t now_ms,
                     const std::shared_ptr<Waker>& waker);
  void queue(const Request& request, Session& session, ReplyWriter& reply);
  Status run_locked(const Request& request, Call& call);
  Status run_one_key(const Request& request, Call& call);
  Status run_many_keys(const Request& request, Call& call);
  Status run_with_turn(const Request& request, Call& call);
  void write_ahead(const Call& call);
  void dispose_garbage();

  // What is told of it.
  void refuse(const Request& request, const Status& status, ReplyWriter& reply);
  // `event`: what LATENCY calls it; null: by the command's speed.
  void account(const Request& request, const Session& session, uint64_t spent_ticks,
               const Status& status, const char* event = nullptr);
  void note_slow(const Request& request, const Session& session, int64_t us, const char* event);
  void feed_monitors(const Request& request, const Session& session, bool in_script);

  // Inside a transaction or a script.
  struct Nested {
    const Request& request;
    ReplyWriter& reply;
    bool in_script;
    EffectFor effect_for;
  };
  void run_inside(Call& outer, const Nested& nested);
  Status script_refusal(Call& outer, const Nested& nested);
  void take_shards_of(Call& call);
  void end_long_script();

  // Beside a script that runs for long.
  std::optional<Outcome> beside_script(const Request& request, Session& session,
                                       ReplyWriter& reply);
  bool held_up(const Request& request, const Session& session, bool busy);
  Outcome hold_up(const Request& request, Session& session, ReplyWriter& reply);

  // Serving clients that wait.
  void serve_ready(int64_t now_ms);
  void serve_key(const KeyPlace& key, const Waiter* from, int64_t now_ms);
  bool may_serve(const KeyPlace& key, const Waiter& waiter, int64_t now_ms);
  Status refusal_of(Waiter& waiter);
  void retry(const std::shared_ptr<Waiter>& waiter, int64_t now_ms);
  void serve_late(int64_t now_ms);
  void wake_served();

  Services& services_;
  WorkerContext& worker_;
  NeededShards shards_;
  EffectGatherer effects_;
  LapTimer laps_;        // of commands
  GarbageList garbage_;  // of the command that runs, freed when its locks are given back
  std::unique_ptr<Task> task_;
  std::unique_ptr<Task> late_answer_;  // of a transaction's command
  bool error_counted_ = false;
  bool out_of_memory_ = false;
  bool has_turn_ = false;  // of scripts; another's may be the long one
  bool was_long_ = false;  // the script that ended was
  std::vector<KeyPlace> ready_;
  // Waiters that need more shards than were held: their turn comes after unlocking.
  struct Late {
    KeyPlace key;
    std::shared_ptr<Waiter> waiter;
  };
  std::vector<Late> late_;
  std::vector<std::shared_ptr<Waiter>> served_;
};

inline Call::Call(Dispatcher& dispatcher, Session& session, ReplyWriter& reply,
                  const std::shared_ptr<Waker>& waker, const Request& request, int64_t now_ms)
    : dispatcher_(dispatcher),
      services_(dispatcher.services_),
      worker_(dispatcher.worker_),
      session_(session),
      reply_(reply),
      waker_(waker),
      command_(request.command),
      args_(request.args),
      now_ms_(now_ms),
      first_key_(request.first_key),
      first_hash_(request.hash) {}

}  // namespace larder
