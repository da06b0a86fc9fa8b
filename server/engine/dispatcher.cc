#include "server/engine/dispatcher.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/clock.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/activity.h"
#include "server/engine/dispatcher_parts.h"
#include "server/engine/errors.h"
#include "server/engine/latency_buckets.h"
#include "server/engine/listeners.h"
#include "server/engine/monitor.h"
#include "server/engine/removed_keys.h"
#include "server/engine/replication.h"
#include "server/engine/script_run.h"
#include "server/engine/snapshot_waits.h"
#include "storage/prefetch.h"

namespace larder {
namespace {

// What a stream of effects may hold; the rest changes nothing and is passed over (PING, REPLCONF).
bool belongs_to_stream(const Command& command) {
  const CommandSpec& spec = *command.spec;
  if (has(spec.flags, Flag::write) || has(spec.flags, Flag::may_replicate)) return true;
  return spec.name == "SELECT" || spec.name == "MULTI" || spec.name == "EXEC";
}

int64_t ms_since(uint64_t began) { return ticks_to_ns(ticks() - began) / 1'000'000; }

// What an EXEC that is refused says: its transaction is over.
Status aborted(const Status& refusal) {
  std::string why(refusal.text());
  if (why.starts_with("ERR ")) why.erase(0, 4);
  return Status::error("EXECABORT Transaction discarded because of: " + why);
}

// A container with a word behind it that is none of its sub-commands is nobody's call.
bool names_no_part(const Request& request) {
  const Command& command = *request.command;
  return !command.subcommands.empty() && !command.spec->veiled && request.args.size() > 1;
}

void note_last_command(const Request& request, Session& session) {
  const Command* command = request.command;
  session.last_command = command == nullptr ? nullptr : command->shown;
  session.last_parent = command == nullptr ? nullptr : command->shown_parent;
}

}  // namespace

Dispatcher::Dispatcher(Services& services, WorkerContext& worker)
    : services_(services),
      worker_(worker),
      shards_(services.store),
      effects_(services) {}

void Dispatcher::prepare(Request& request) const {
  const Command* command = services_.registry.find(request.args[0]);
  if (command != nullptr && !command->subcommands.empty() && request.args.size() > 1) {
    if (const Command* sub = command->find_subcommand(request.args[1])) command = sub;
  }
  request.command = command;
  request.first_key = 0;
  if (command == nullptr) return;
  const KeySpec& keys = command->spec->keys;
  const auto first = static_cast<uint32_t>(keys.first);
  if (!keys.names_keys() || first >= request.args.size()) return;
  request.first_key = first;
  request.hash = hash_of(request.args[first]);
}

template <typename List>
void Dispatcher::look_ahead(std::span<const Request> requests, const Session& session, List& list) {
  for (const Request& request : requests) {
    if (request.first_key == 0) continue;
    larder::look_ahead(services_.store, request.hash, session.db, list);
  }
}

template void Dispatcher::look_ahead(std::span<const Request>, const Session&, BucketList&);
template void Dispatcher::look_ahead(std::span<const Request>, const Session&, EntryList&);

GateInput Dispatcher::gate_input(const Request& request, Session& session, int64_t now_ms) {
  out_of_memory_ = false;
  return {services_,    worker_, session,       request.command,
          request.args, now_ms,  out_of_memory_};
}

Dispatcher::Outcome Dispatcher::run(const Request& request, Session& session, ReplyWriter& reply,
                                    int64_t now_ms, const std::shared_ptr<Waker>& waker) {
  const GateInput input = gate_input(request, session, now_ms);
  if (is_cross_protocol(input)) [[unlikely]] {
    session.close_after_reply = true;
    return Outcome::done;
  }
  if (Status refusal = pass_gates(input); !refusal.is_ok()) {
    if (waits_for_failover(input, refusal)) return Outcome::postponed;
    if (request.command != nullptr && runs_queue(request)) {
      refusal = aborted(refusal);
      end_transaction(services_.listeners.watches, services_.store, session);
    }
    note_last_command(request, session);
    refuse(request, refusal, reply);
    if (!in_multi(session.transaction.get())) {
      end_caching(session, request.command);
    } else {
      session.transaction->failed = true;
    }
    return Outcome::done;
  }
  if (services_.script.is_long()) [[unlikely]] {
    if (const auto outcome = beside_script(request, session, reply)) return *outcome;
  }
  if (must_wait(input)) return Outcome::postponed;
  return run_passed(request, session, reply, now_ms, waker);
}

Dispatcher::Outcome Dispatcher::run_stream(const Request& request, Session& session,
                                           ReplyWriter& reply, int64_t now_ms,
                                           const std::shared_ptr<Waker>& waker) {
  const GateInput input = gate_input(request, session, now_ms);
  if (Status refusal = pass_gates_of_stream(input); !refusal.is_ok()) {
    refuse(request, refusal, reply);
    note_failure_of_stream(request, session, refusal);
    return Outcome::done;
  }
  if (services_.listeners.pushes.congested() || is_paused(input)) return Outcome::postponed;
  session.acl_pass = services_.access.generation();  // it may do everything
  return run_passed(request, session, reply, Call::kNoClock, waker);
}

Dispatcher::Outcome Dispatcher::run_passed(const Request& request, Session& session,
                                           ReplyWriter& reply, int64_t now_ms,
                                           const std::shared_ptr<Waker>& waker) {
  if (in_multi(session.transaction.get()) &&
      !has(request.command->spec->flags, Flag::never_queued)) [[unlikely]] {
    queue(request, session, reply);
    return Outcome::done;
  }
  if (services_.store.snapshot_runs() &&
      must_wait_for_snapshot(services_.store, session, *request.command, request.args)) {
    return Outcome::postponed;
  }
  const bool monitored = services_.monitors.load(std::memory_order_relaxed) > 0;
  if (monitored && calls_others(request)) [[unlikely]] feed_monitors(request, session, false);

  Call call(*this, session, reply, waker, request, now_ms);
  note_last_command(request, session);
  ++session.commands;
  const uint64_t began = laps_.began();
  session.running = true;
  const Status status = run_locked(request, call);
  session.running = false;
  const uint64_t spent = laps_.end() - began;
  if (monitored && !calls_others(request)) [[unlikely]] feed_monitors(request, session, false);
  if (!status.is_ok() && status.text().data() == kHeldUp) [[unlikely]] {
    return hold_up(request, session, reply);
  }
  if (session.tracking != nullptr) [[unlikely]] end_caching(session, request.command);
  if (!status.is_ok()) {
    reply.error(status.text());
    if (!std::exchange(error_counted_, false)) count_error(status.text());
    if (session.stream != nullptr) [[unlikely]] note_failure_of_stream(request, session, status);
  }
  if (!call.has_task()) [[likely]] {
    account(request, session, spent, status);
    return Outcome::done;
  }
  task_ = call.take_task();
  if (!task_->counts_itself()) {
    task_->command = request.command;
    account(request, session, spent, status);
  }
  return Outcome::task;
}

std::string Dispatcher::replay(std::span<const Bytes> args, Session& session,
                               ReplyWriter& reply) {
  Request request{args};
  prepare(request);
  if (request.command == nullptr) return "Unknown command '" + std::string(args[0]) + "'";
  if (!request.command->takes(args.size())) return "Wrong arguments of " + request.command->name;
  if (!belongs_to_stream(*request.command)) return "";
  if (in_multi(session.transaction.get()) &&
      !has(request.command->spec->flags, Flag::never_queued)) {
    session.transaction->queue.emplace_back(request, session.transaction->memory);
    return "";
  }
  const std::shared_ptr<Waker> nobody;  // nothing of it waits
  Call call(*this, session, reply, nobody, request, Call::kNoClock);
  call.nested_ = true;  // it can't wait for anything
  effects_.set_replaying(true);
  const Status status = run_locked(request, call);
  effects_.set_replaying(false);
  error_counted_ = false;
  if (!status.is_ok()) reply.error(status.text());
  return "";
}

// As much as a client may send in one request it may also have queued.
void Dispatcher::queue(const Request& request, Session& session, ReplyWriter& reply) {
  Transaction& transaction = *session.transaction;
  transaction.queued_bytes += KeptRequest::bytes_of(request.args);
  const auto most = static_cast<size_t>(
      services_.settings.query_buffer_max.load(std::memory_order_relaxed));
  if (transaction.queued_bytes > most && !follows_primary(session)) {
    transaction.failed = true;
    const char* error = "ERR transaction is larger than client-query-buffer-limit";
    return refuse(request, Status::error(error), reply);
  }
  transaction.queue.emplace_back(request, transaction.memory);
  note_last_command(request, session);
  reply.simple("QUEUED");
}

Status Dispatcher::run_locked(const Request& request, Call& call) {
  const CommandSpec& spec = *request.command->spec;
  Status status = Status::ok();
  if (request.first_key != 0 && request.command->one_key) [[likely]] {
    status = run_one_key(request, call);
  } else if (has(spec.flags, Flag::script_turn) ||
             (has(spec.flags, Flag::runs_queue) && runs_script(call.session()))) {
    status = run_with_turn(request, call);
  } else if (!spec.keys.names_keys() && !has(spec.flags, Flag::whole_store) &&
             !has(spec.flags, Flag::runs_queue)) {
    status = spec.run(call);
    if (services_.listeners.effects.active()) [[unlikely]] effects_.append(call);
    return status;
  } else {
    status = run_many_keys(request, call);
  }
  if (!garbage_.empty()) [[unlikely]] dispose_garbage();
  if (!late_.empty() || any_keys_removed) [[unlikely]] serve_late(call.clock_ms());
  if (!served_.empty()) [[unlikely]] wake_served();
  return status;
}

void Dispatcher::dispose_garbage() {
  services_.store.dispose(std::exchange(garbage_, {}));
}

Status Dispatcher::run_one_key(const Request& request, Call& call) NO_THREAD_SAFETY_ANALYSIS {
  const CommandSpec& spec = *request.command->spec;
  Shard& shard = services_.store.shard_of(request.hash);
  if (!shard.lock()) [[unlikely]] return Status::error(kHeldUp);
  if (!effects_.is_replaying()) [[likely]] shard.services.now_ms = call.clock_ms();
  if (shard.services.snapshot != nullptr) [[unlikely]] write_ahead(call);
  Status status = spec.run(call);
  if (remembers(call)) [[unlikely]] remember_reads(call);
  if (services_.listeners.effects.active()) [[unlikely]] effects_.append(call);
  if (!ready_.empty()) [[unlikely]] {
    shards_.hold_one(services_.store.shard_index(request.hash));
    serve_ready(call.clock_ms());
  }
  if (has(spec.flags, Flag::write)) shard.settle_memory(services_.store.memory());
  if (!shard.services.garbage.empty()) [[unlikely]] {
    garbage_.swap(shard.services.garbage);
  }
  shard.mutex.unlock();
  return status;
}

Status Dispatcher::run_many_keys(const Request& request, Call& call) {
  const CommandSpec& spec = *request.command->spec;
  const uint64_t began = laps_.began();
  shards_.find(*request.command, request.args, call.session());
  const int64_t now_ms = effects_.is_replaying() ? Call::kNoClock : call.clock_ms();
  if (!shards_.lock(now_ms)) return Status::error(kHeldUp);
  shards_.fetch(call.session().db);
  if (services_.store.snapshot_runs()) [[unlikely]] write_ahead(call);
  Status status = spec.run(call);
  if (remembers(call)) [[unlikely]] remember_reads(call);
  if (services_.listeners.effects.active()) [[unlikely]] effects_.append(call);
  // A transaction may take long, and what it brought may have expired meanwhile.
  if (!ready_.empty()) [[unlikely]] serve_ready(now_ms + ms_since(began));
  if (has_turn_ && services_.script.is_long()) [[unlikely]] end_long_script();
  constexpr Flag kWrites = Flag::write | Flag::runs_queue | Flag::script_turn;
  shards_.unlock(has(spec.flags, kWrites), garbage_);
  return status;
}

// What the running snapshot still has to write of the keys that the call may change.
void Dispatcher::write_ahead(const Call& call) {
  write_ahead_of_changes(services_.store, call.session_.db, call.command(), call.args());
}

void Dispatcher::refuse(const Request& request, const Status& status, ReplyWriter& reply) {
  reply.error(status.text());
  count_error(status.text());
  if (request.command == nullptr || names_no_part(request)) return;
  worker_.stats->commands[request.command->id].rejected.add(1);
}

void Dispatcher::note_failure_of_stream(const Request& request, const Session& session,
                                        const Status& status) {
  if (!follows_primary(session) || services_.replication == nullptr) return;
  services_.replication->note_failed_command(request.args[0], status.text());
}

void Dispatcher::protocol_error(Bytes text, ReplyWriter& reply) {
  const std::string line = "ERR " + std::string(text);
  reply.error(line);
  count_error(line);
}

void Dispatcher::count_error(Bytes text) {
  services_.error_stats.add(text);
  worker_.stats->errors.add(1);
}

void Dispatcher::count_error_of(const Task& task, const Output& output, size_t mark) {
  Bytes reply = output.text_since(mark);
  if (task.command == nullptr || !reply.starts_with('-')) return;
  reply.remove_prefix(1);
  count_error(reply.substr(0, reply.find("\r\n")));
  worker_.stats->commands[task.command->id].failed.add(1);
}

void Dispatcher::account(const Request& request, const Session& session, uint64_t spent_ticks,
                         const Status& status, const char* event) {
  CommandStats& stats = worker_.stats->commands[request.command->id];
  stats.calls.add(1);
  stats.ticks.add(spent_ticks);
  worker_.stats->commands_run.add(1);
  if (!status.is_ok()) stats.failed.add(1);
  const LiveSettings& settings = services_.settings;
  const int64_t us = ticks_to_ns(spent_ticks) / 1000;
  if (settings.latency_tracking.load(std::memory_order_relaxed)) {
    stats.latency[latency_bucket(static_cast<uint64_t>(us))].add(1);
  }
  const int64_t slow_us = settings.slow_us_min.load(std::memory_order_relaxed);
  const int64_t latency_ms = settings.latency_ms_min.load(std::memory_order_relaxed);
  const bool slow = slow_us >= 0 && us >= slow_us;
  if (slow || (latency_ms > 0 && us / 1000 >= latency_ms)) [[unlikely]] {
    note_slow(request, session, us, event);
  }
}

void Dispatcher::note_slow(const Request& request, const Session& session, int64_t us,
                           const char* event) {
  const LiveSettings& settings = services_.settings;
  const Flag flags = request.command->spec->flags;
  const int64_t slow_us = settings.slow_us_min.load(std::memory_order_relaxed);
  if (slow_us >= 0 && us >= slow_us && !has(flags, Flag::skip_slowlog)) {
    services_.slow_log.add(session, redacted(*request.command, request.args), us,
                           static_cast<size_t>(settings.slow_entries_max.load()));
  }
  if (event == nullptr) event = has(flags, Flag::fast) ? "fast-command" : "command";
  (void)note_latency(services_, event, us);
}

void Dispatcher::feed_monitors(const Request& request, const Session& session, bool in_script) {
  const Flag flags = request.command->spec->flags;
  // A script is shown before what it calls.
  const bool skipped = has(flags, Flag::skip_monitor) && !has(flags, Flag::script_turn);
  if (skipped || has(flags, Flag::admin)) return;
  const auto line = std::make_shared<std::string>(
      monitor_line(session.db, in_script ? Bytes("lua") : Bytes(session.address),
                   redacted(*request.command, request.args), unix_us()));
  services_.workers.visit_all(
      worker_.index,
      [line](ClientsOfWorker& clients) {
        clients.each([&](ClientView& client) {
          if (client.session().monitor) client.send(*line);
        });
      },
      nullptr);
}

}  // namespace larder
