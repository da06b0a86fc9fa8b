#include "server/commands/dispatcher.h"

#include <bit>
#include <string>

#include "base/clock.h"
#include "base/numbers.h"
#include "server/commands/activity.h"
#include "server/commands/client_tracking.h"
#include "server/commands/errors.h"
#include "server/commands/listeners.h"
#include "server/commands/monitor.h"

namespace larder {

Dispatcher::Dispatcher(Services& services, WorkerContext& worker)
    : services_(services), worker_(worker) {}

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

void Dispatcher::prefetch_bucket(const Request& request, const Session& session) {
  if (request.first_key == 0) return;
  Shard& shard = services_.store.shard_of(request.hash);
  MutexLock lock(shard.mutex);
  if (const Keyspace* keys = shard.find_keyspace(session.db)) {
    keys->table().prefetch_bucket(keys->place_of(request.hash));
  }
}

void Dispatcher::prefetch_entry(const Request& request, const Session& session) {
  if (request.first_key == 0) return;
  Shard& shard = services_.store.shard_of(request.hash);
  MutexLock lock(shard.mutex);
  if (const Keyspace* keys = shard.find_keyspace(session.db)) {
    keys->table().prefetch_entry(keys->place_of(request.hash));
  }
}

Dispatcher::Outcome Dispatcher::run(const Request& request, Session& session, ReplyWriter& reply,
                                    int64_t now_ms, const std::shared_ptr<Waker>& waker) {
  const GateInput input{services_, worker_, session, request.command, request.args, now_ms};
  if (Status refusal = pass_gates(input); !refusal.is_ok()) {
    refuse(request, refusal, reply);
    return Outcome::done;
  }
  if (must_wait(services_, session, *request.command, now_ms)) return Outcome::postponed;
  if (services_.monitors.load(std::memory_order_relaxed) > 0) feed_monitors(request, session);

  Call call(services_, worker_, session, reply, waker);
  call.command_ = request.command;
  call.args_ = request.args;
  call.now_ms_ = now_ms;
  call.first_key_ = request.first_key;
  call.first_hash_ = request.hash;

  // What comes before the reply must be out before it begins.
  if (session.listens()) [[unlikely]] services_.listeners.pushes.finish_round(*worker_.clients);
  session.last_command = request.command->spec;
  const Command* parent = request.command->parent;
  session.last_parent = parent != nullptr ? parent->spec : nullptr;
  ++session.commands;
  const uint64_t start = ticks();
  session.running = true;
  const Status status = run_locked(request, call);
  session.running = false;
  if (session.tracking != nullptr) [[unlikely]] end_caching(session, *request.command);
  if (!status.is_ok()) {
    reply.error(status.text());
    services_.error_stats.add(status.text());
  }
  account(request, session, ticks() - start, status);
  task_ = call.take_task();
  return task_ ? Outcome::task : Outcome::done;
}

Status Dispatcher::run_locked(const Request& request, Call& call) NO_THREAD_SAFETY_ANALYSIS {
  const CommandSpec& spec = *request.command->spec;
  const bool wrote = has(spec.flags, Flag::write);
  const bool remembers = call.session().tracking != nullptr && has(spec.flags, Flag::readonly);
  GarbageList garbage;
  Status status = Status::ok();
  if (request.first_key != 0 && request.command->one_key) [[likely]] {
    Shard& shard = services_.store.shard_of(request.hash);
    shard.mutex.lock();
    shard.services.now_ms = call.now_ms();
    status = spec.run(call);
    if (remembers) [[unlikely]] remember_reads(call);
    if (wrote) shard.settle_memory(services_.store.memory());
    if (!shard.services.garbage.empty()) [[unlikely]] garbage.swap(shard.services.garbage);
    shard.mutex.unlock();
  } else if (!spec.keys.names_keys() && !has(spec.flags, Flag::whole_store)) {
    return spec.run(call);
  } else {
    find_shards(request, call);
    lock_shards(call.now_ms());
    status = spec.run(call);
    if (remembers) [[unlikely]] remember_reads(call);
    unlock_shards(garbage, wrote);
  }
  if (!garbage.empty()) services_.store.dispose(std::move(garbage));
  return status;
}

void Dispatcher::find_shards(const Request& request, Call& call) {
  shard_set_.fill(0);
  const auto want = [this](unsigned shard) { shard_set_[shard / 64] |= uint64_t{1} << shard % 64; };
  if (has(request.command->spec->flags, Flag::whole_store)) {
    for (unsigned i = 0; i < services_.store.shard_count(); ++i) want(i);
    return;
  }
  std::vector<size_t> keys;
  // Arguments that do not fit the card lock nothing more; the handler will say what is wrong.
  if (!find_keys(*request.command->spec, request.args, keys)) return;
  for (const size_t key : keys) want(services_.store.shard_index(call.key(key).hash));
}

void Dispatcher::lock_shards(int64_t now_ms) NO_THREAD_SAFETY_ANALYSIS {
  for (size_t word = 0; word < kShardWords; ++word) {
    for (uint64_t left = shard_set_[word]; left != 0; left &= left - 1) {
      Shard& shard = services_.store.shard(
          static_cast<unsigned>(word * 64 + static_cast<size_t>(std::countr_zero(left))));
      shard.mutex.lock();
      shard.services.now_ms = now_ms;
    }
  }
}

void Dispatcher::unlock_shards(GarbageList& garbage, bool wrote) NO_THREAD_SAFETY_ANALYSIS {
  for (size_t word = 0; word < kShardWords; ++word) {
    for (uint64_t left = shard_set_[word]; left != 0; left &= left - 1) {
      Shard& shard = services_.store.shard(
          static_cast<unsigned>(word * 64 + static_cast<size_t>(std::countr_zero(left))));
      if (wrote) shard.settle_memory(services_.store.memory());
      for (auto& piece : shard.services.garbage) garbage.push_back(std::move(piece));
      shard.services.garbage.clear();
      shard.mutex.unlock();
    }
  }
}

void Dispatcher::refuse(const Request& request, const Status& status, ReplyWriter& reply) {
  reply.error(status.text());
  services_.error_stats.add(status.text());
  worker_.stats->errors.add(1);
  if (request.command != nullptr) worker_.stats->commands[request.command->id].rejected.add(1);
}

void Dispatcher::protocol_error(Bytes text, ReplyWriter& reply) {
  const std::string line = "ERR " + std::string(text);
  reply.error(line);
  services_.error_stats.add(line);
  worker_.stats->errors.add(1);
}

void Dispatcher::account(const Request& request, const Session& session, uint64_t spent_ticks,
                         const Status& status) {
  CommandStats& stats = worker_.stats->commands[request.command->id];
  stats.calls.add(1);
  stats.ticks.add(spent_ticks);
  worker_.stats->commands_run.add(1);
  if (!status.is_ok()) {
    stats.failed.add(1);
    worker_.stats->errors.add(1);
  }
  const LiveSettings& settings = services_.settings;
  const int64_t us = ticks_to_ns(spent_ticks) / 1000;
  if (settings.latency_tracking.load(std::memory_order_relaxed)) {
    stats.latency[CommandStats::bucket_of(static_cast<uint64_t>(us))].add(1);
  }
  const Flag flags = request.command->spec->flags;
  const int64_t slow_us = settings.slow_us_min.load(std::memory_order_relaxed);
  if (slow_us >= 0 && us >= slow_us && !has(flags, Flag::skip_slowlog)) [[unlikely]] {
    services_.slow_log.add(session, redacted(*request.command, request.args), us,
                           static_cast<size_t>(settings.slow_entries_max.load()));
  }
  const int64_t latency_ms = settings.latency_ms_min.load(std::memory_order_relaxed);
  if (latency_ms > 0 && us / 1000 >= latency_ms) [[unlikely]] {
    services_.latency.add(has(flags, Flag::fast) ? "fast-command" : "command", us / 1000);
  }
}

void Dispatcher::feed_monitors(const Request& request, const Session& session) {
  const Flag flags = request.command->spec->flags;
  if (has(flags, Flag::skip_monitor) || has(flags, Flag::admin)) return;
  const auto line = std::make_shared<std::string>(
      monitor_line(session, redacted(*request.command, request.args), unix_us()));
  services_.workers.visit_all(
      worker_.index,
      [line](ClientsOfWorker& clients) {
        clients.each([&](ClientView& client) {
          if (client.session().monitor) client.send(*line);
        });
      },
      nullptr);
}

bool find_keys(const CommandSpec& spec, std::span<const Bytes> args, std::vector<size_t>& keys) {
  const KeySpec& where = spec.keys;
  if (!where.names_keys()) return true;
  const auto words = static_cast<int64_t>(args.size());
  const int64_t step = where.step;
  int64_t last = where.last >= 0 ? where.last : words + where.last;
  if (where.count_at != 0) {
    if (where.count_at >= words) return false;
    const auto count = parse_int64(args[static_cast<size_t>(where.count_at)]);
    if (!count || *count <= 0 || *count > (words - where.first + step - 1) / step) return false;
    last = where.first + (*count - 1) * step;
  }
  if (last >= words) return false;
  for (int64_t i = where.first; i <= last; i += step) keys.push_back(static_cast<size_t>(i));
  return true;
}

}  // namespace larder
