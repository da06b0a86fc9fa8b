// Scripts and what runs beside them: commands inside a script or EXEC, the turn, the shards that a
// script takes on its way, and who waits or is told BUSY while one runs for long.
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/scoped.h"
#include "server/engine/acl/gate.h"
#include "server/engine/activity.h"
#include "server/engine/dispatcher.h"
#include "server/engine/dispatcher_parts.h"
#include "server/engine/listeners.h"
#include "server/engine/replication.h"
#include "server/engine/request_flags.h"
#include "server/engine/script_run.h"
#include "server/engine/trouble.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

// Of commands that have to wait for others, who may wait for this one's locks.
constexpr const char* kNotNested = "ERR This command is not allowed inside a transaction or script";

}  // namespace

void Dispatcher::run_nested(Call& outer, const Request& request) {
  run_inside(outer, {request, outer.reply(), false, EffectFor::all});
}

void Dispatcher::run_in_script(Call& outer, const Command& command, std::span<const Bytes> args,
                               ReplyWriter& reply, EffectFor effect_for) {
  const Request request{args, &command};
  run_inside(outer, {request, reply, true, effect_for});
}

void Dispatcher::refuse_script(const Command* command, Bytes error) {
  if (command != nullptr) worker_.stats->commands[command->id].rejected.add(1);
  count_error(error);
}

// What the user may not do by itself, its scripts may not either.
Status Dispatcher::script_refusal(Call& outer, const Nested& nested) {
  Session& session = outer.session();
  const uint32_t trouble = services_.settings.trouble.load(std::memory_order_relaxed);
  const bool stale = (trouble & kStaleReplica) != 0 && !obeys(outer);
  if (stale && !has(nested.request.command->spec->flags, Flag::stale)) [[unlikely]] {
    return Status::error("ERR Can not execute the command on a stale replica");
  }
  const Command& command = *nested.request.command;
  const AclVerdict verdict = permit(services_, session, worker_.clients, AclContext::lua, command,
                                    nested.request.args);
  if (verdict.allowed()) [[likely]] return Status::ok();
  return Status::error("ERR ACL failure in script: " +
                       denial_text(verdict, session.user, command, nested.request.args));
}

void Dispatcher::run_inside(Call& outer, const Nested& nested) {
  const Request& request = nested.request;
  Call call(*this, outer.session(), nested.reply, outer.waker(), request, outer.now_ms());
  call.nested_ = true;
  call.outer_ = &outer;
  call.in_script_ = nested.in_script;
  call.effect_for_ = nested.effect_for;
  if (nested.in_script) {
    if (Status refusal = script_refusal(outer, nested); !refusal.is_ok()) {
      refuse_script(request.command, refusal.text());
      return nested.reply.error(refusal.text());
    }
    take_shards_of(call);
  }
  const bool monitored = services_.monitors.load(std::memory_order_relaxed) > 0;
  if (monitored && calls_others(request)) feed_monitors(request, outer.session(), false);
  if (nested.in_script) laps_.start();  // what the script did since its last call is not of this
  const uint64_t began = laps_.began();
  const ShardsHeld held(shards_.held_words());
  const Scoped gathering(EffectLog::gathering, &effects_.batch());
  if (services_.store.snapshot_runs()) [[unlikely]] write_ahead(call);
  Status status = request.command->spec->run(call);
  if (remembers(call)) remember_reads(call);
  for (auto task = call.take_task(); task != nullptr;) {
    task->command = request.command;
    const size_t mark = nested.reply.output().mark();
    const Task::Progress progress = task->step(nested.reply, call.now_ms());
    if (progress == Task::Progress::done) count_error_of(*task, nested.reply.output(), mark);
    if (progress == Task::Progress::wait) {
      if (nested.in_script || !task->only_asks()) status = Status::error(kNotNested);
      if (status.is_ok()) late_answer_ = std::move(task);
    }
    if (progress != Task::Progress::again) break;
  }
  if (services_.listeners.effects.active()) effects_.gather(call);
  if (monitored && !calls_others(request)) {
    feed_monitors(request, outer.session(), nested.in_script);
  }
  if (!status.is_ok()) {
    nested.reply.error(status.text());
    if (!std::exchange(error_counted_, false)) count_error(status.text());
  }
  account(request, outer.session(), laps_.end() - began, status);
}

// The first key's hash travels with the call, as for any other command.
void Dispatcher::take_shards_of(Call& call) {
  const Command& command = call.command();
  const bool for_long = services_.script.is_long();
  const auto first = static_cast<size_t>(command.spec->keys.first);
  if (command.one_key && first < call.arg_count()) {
    call.first_key_ = first;
    call.first_hash_ = hash_of(call.arg(first));
    return shards_.take(services_.store.shard_index(call.first_hash_), call.now_ms(), for_long);
  }
  shards_.take_of(command, call.args(), call.now_ms(), for_long);
}

void Dispatcher::become_long() {
  shards_.set_held_for_long(true);
  services_.script.set_long(true);
}

// Before the shards are let go.
void Dispatcher::end_long_script() {
  shards_.set_held_for_long(false);
  services_.script.set_long(false);
  was_long_ = true;
}

// Which requests go on while a script runs for long. Nothing: this one does.
std::optional<Dispatcher::Outcome> Dispatcher::beside_script(const Request& request,
                                                             Session& session,
                                                             ReplyWriter& reply) {
  const Flag flags = flags_of(services_, *request.command, request.args);
  const bool busy =
      services_.script.is_busy(services_.settings.busy_script_ms.load(std::memory_order_relaxed));
  const bool queued = in_multi(session.transaction.get()) && !has(flags, Flag::never_queued);
  if (queued && (!busy || has(flags, Flag::allow_busy))) return {};
  if (!queued && !held_up(request, session, busy)) return {};
  return busy ? hold_up(request, session, reply) : Outcome::postponed;
}

// Before a script is busy, only those wait that it could block: also walks over the whole store.
bool Dispatcher::held_up(const Request& request, const Session& session, bool busy) {
  const CommandSpec& spec = *request.command->spec;
  const bool keys = spec.keys.names_keys() || has(spec.flags, Flag::whole_store);
  const Flag flags = flags_of(services_, *request.command, request.args);
  if (has(flags, Flag::allow_busy) && !keys) return false;
  if (has(spec.flags, Flag::script_turn)) return true;
  if (!keys && !has(spec.flags, Flag::runs_queue)) {
    return busy || spec.group == "generic" || spec.group == "server";
  }
  if (has(spec.flags, Flag::runs_queue) && (busy || runs_script(session))) return true;
  shards_.find(*request.command, request.args, session);
  return shards_.any_held_for_long();
}

Dispatcher::Outcome Dispatcher::hold_up(const Request& request, Session& session,
                                        ReplyWriter& reply) {
  const ScriptRun& script = services_.script;
  const int64_t busy_ms = services_.settings.busy_script_ms.load(std::memory_order_relaxed);
  if (!script.is_busy(busy_ms) || follows_primary(session)) return Outcome::postponed;
  if (in_multi(session.transaction.get())) session.transaction->failed = true;
  if (has(request.command->spec->flags, Flag::runs_queue) && session.transaction != nullptr) {
    end_transaction(services_.listeners.watches, services_.store, session);
    refuse(request,
           Status::error("EXECABORT Transaction discarded because of: " +
                         std::string(script.busy_error())),
           reply);
  } else {
    refuse(request, Status::error(script.busy_error()), reply);
  }
  return Outcome::done;
}

// Scripts run one at a time, and whoever has the turn may take further shards while he holds some.
Status Dispatcher::run_with_turn(const Request& request, Call& call) {
  if (!services_.script.enter()) return Status::error(kHeldUp);
  Status status = Status::ok();
  {
    const Scoped turn(has_turn_, true);
    status = run_many_keys(request, call);
  }
  const bool was_long = std::exchange(was_long_, false);
  services_.script.leave();
  if (was_long) {
    services_.workers.visit_all(
        worker_.index, [](ClientsOfWorker& clients) { clients.retry_postponed(); }, nullptr);
  }
  return status;
}

}  // namespace larder
