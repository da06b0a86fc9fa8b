// The dispatcher's part in waiting: who waits for a key has its turn when the key is changed, see
// blocking.h.
#include <poll.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/clock.h"
#include "server/engine/acl/gate.h"
#include "server/engine/activity.h"
#include "server/engine/dispatcher.h"
#include "server/engine/errors.h"
#include "server/engine/key_uses.h"
#include "server/engine/listeners.h"
#include "server/engine/removed_keys.h"
#include "server/engine/transactions.h"

namespace larder {
namespace {

// Its worker may not have seen that yet. The socket is open: who closes it waits for the lock that
// is held now, or sets `gone` before.
bool has_hung_up(const Waiter& waiter) {
  pollfd peer{waiter.session.fd, POLLRDHUP, 0};
  return ::poll(&peer, 1, 0) > 0;
}

}  // namespace

void Dispatcher::list_waiter(const std::shared_ptr<Waiter>& waiter) {
  const CommandSpec& spec = *waiter->command->spec;
  std::vector<size_t> keys;
  (void)find_keys(spec, waiter->args, keys);
  for (const size_t key : keys) {
    KeyPlace place(Key::of(waiter->args[key]), waiter->session.db);
    waiter->shards.push_back(services_.store.shard_index(place.hash));
    const bool is_target = spec.keys.others_differ && key != keys.front();  // of BLMOVE
    const auto& listed = waiter->keys;
    if (is_target || std::find(listed.begin(), listed.end(), place) != listed.end()) continue;
    services_.listeners.waiters.add(place, waiter);
    waiter->keys.push_back(std::move(place));
  }
  std::sort(waiter->shards.begin(), waiter->shards.end());
  const auto end = std::unique(waiter->shards.begin(), waiter->shards.end());
  waiter->shards.erase(end, waiter->shards.end());
  waiter->listed = true;
}

// Serving may bring something for others (BLMOVE), so the list grows meanwhile.
void Dispatcher::serve_ready(int64_t now_ms) {
  for (size_t i = 0; i < ready_.size(); ++i) {
    const KeyPlace key = ready_[i];
    serve_key(key, nullptr, now_ms);
  }
  ready_.clear();
}

// Serves the waiters of a key in order, beginning with `from` (null, or gone meanwhile: the first).
void Dispatcher::serve_key(const KeyPlace& key, const Waiter* from, int64_t now_ms) {
  const Waiters::List* list = services_.listeners.waiters.find(key.key(), key.db);
  if (list == nullptr) return;
  const Waiters::List waiting = *list;  // serving takes waiters off it
  bool passed = std::none_of(waiting.begin(), waiting.end(),
                             [from](const auto& each) { return each.get() == from; });
  for (const auto& waiter : waiting) {
    passed = passed || waiter.get() == from;
    if (!passed || !waiter->listed || !may_serve(key, *waiter, now_ms)) continue;
    if (!std::all_of(waiter->shards.begin(), waiter->shards.end(),
                     [this](unsigned shard) { return shards_.holds(shard); })) {
      late_.push_back({key, waiter});
      return;
    }
    retry(waiter, now_ms);
  }
}

bool Dispatcher::may_serve(const KeyPlace& key, const Waiter& waiter,
                           int64_t now_ms) NO_THREAD_SAFETY_ANALYSIS {
  Keyspace& keys = services_.store.shard_of(key.hash).keyspace(key.db);
  const Item item = keys.find(key.key());  // an expired key stays for those who ask for it
  const bool is_there = item && !item->expired(now_ms);
  return is_there && item->type() == waiter.options.type ? true : waiter.options.wakes_on_removal;
}

// The rules may have changed since the client began to wait. It lives on another worker, so that
// has to tell the log who it is.
Status Dispatcher::refusal_of(Waiter& waiter) {
  Session& session = waiter.session;
  // Who waits is sent away when this server becomes a replica, but for those whose shards a script
  // held then. What the primary brings is not for them.
  const uint32_t trouble = services_.settings.trouble.load(std::memory_order_relaxed);
  if ((trouble & kReadOnlyReplica) != 0 && has(waiter.command->spec->flags, Flag::write)) {
    worker_.stats->commands[waiter.command->id].rejected.add(1);
    count_error(errors::kBecameReplica);
    return Status::error(errors::kBecameReplica);
  }
  if (session.acl_pass == services_.access.generation()) [[likely]] return Status::ok();
  if (may_run(services_, session, *waiter.command, waiter.args)) return Status::ok();
  worker_.stats->commands[waiter.command->id].rejected.add(1);
  if (session.acl_user == nullptr) {
    count_error(errors::kNoAuth);
    return Status::error(errors::kNoAuth);
  }
  const AclVerdict verdict = check_acl(*session.acl_user, *waiter.command, waiter.args);
  const std::string error = "NOPERM " + denial_text(verdict, session.user, *waiter.command,
                                                    waiter.args);
  count_error(error);
  services_.workers.visit(
      waiter.worker, [&services = services_, id = session.id, &command = *waiter.command,
                      words = waiter.words](ClientsOfWorker& clients) {
        ClientView* client = clients.find(id);
        if (client == nullptr) return;
        const std::vector<Bytes> args(words.begin(), words.end());
        (void)permit(services, client->session(), &clients, AclContext::toplevel, command, args);
      });
  return Status::error(error);
}

void Dispatcher::retry(const std::shared_ptr<Waiter>& waiter, int64_t now_ms) {
  if (waiter->gone.load(std::memory_order_relaxed) || has_hung_up(*waiter)) {
    return leave_lists(services_.listeners.waiters, *waiter);
  }
  ReplyWriter reply(waiter->reply, waiter->session.protocol);
  const Request request{waiter->args, waiter->command};
  Call call(*this, waiter->session, reply, waiter->waker, request, now_ms);
  call.retry_ = true;
  if (services_.store.snapshot_runs()) [[unlikely]] write_ahead(call);
  const uint64_t start = ticks();
  const Status refusal = refusal_of(*waiter);
  const Status status = refusal.is_ok() ? waiter->command->spec->run(call) : Status::ok();
  if (services_.listeners.effects.active()) [[unlikely]] effects_.append(call);
  if (call.still_waiting_) return;
  if (!refusal.is_ok()) reply.error(refusal.text());
  if (!status.is_ok()) {
    reply.error(status.text());
    count_error(status.text());
  }
  if (refusal.is_ok()) {
    account(request, waiter->session, ticks() - start, status, "command-unblocking");
  }
  leave_lists(services_.listeners.waiters, *waiter);
  waiter->uncount(*worker_.stats);
  served_.push_back(waiter);
}

// Without locks: takes those of each waiter in turn. A script may hold some for long, see
// serve_held_up.
void Dispatcher::serve_late(int64_t now_ms) {
  for (RemovedKey& removed : take_removed_keys()) {
    late_.push_back({std::move(removed.key), std::move(removed.waiter)});
  }
  std::vector<Late> held_up;
  for (size_t i = 0; i < late_.size(); ++i) {
    const Late late = late_[i];
    shards_.find(late.waiter->shards);
    if (!shards_.lock(now_ms)) {
      held_up.push_back(late);
      continue;
    }
    serve_key(late.key, late.waiter.get(), now_ms);
    serve_ready(now_ms);
    shards_.unlock(true, garbage_);
    if (!garbage_.empty()) dispose_garbage();
  }
  late_ = std::move(held_up);
}

void Dispatcher::serve_held_up(int64_t now_ms) {
  if (late_.empty() && !any_keys_removed) [[likely]] return;
  serve_late(now_ms);
  wake_served();
}

void Dispatcher::wake_served() {
  for (const auto& waiter : served_) {
    waiter->served.store(true, std::memory_order_release);
    services_.workers.visit(waiter->worker,
                            [waiter](ClientsOfWorker&) { waiter->waker->wake(); });
  }
  served_.clear();
}

}  // namespace larder
