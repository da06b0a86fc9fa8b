#include <algorithm>
#include <utility>

#include "server/commands/families.h"
#include "server/engine/acl/gate.h"
#include "server/engine/activity.h"
#include "server/engine/args.h"
#include "server/engine/call.h"
#include "server/engine/dispatcher.h"
#include "server/engine/listeners.h"
#include "server/engine/transactions.h"

namespace larder {
namespace {

// Transactions are seldom longer; shorter ones waste a few hundred bytes for a moment.
constexpr size_t kQueueLikely = 16;

Transaction& transaction_of(Session& session) {
  if (session.transaction == nullptr) session.transaction = std::make_shared<Transaction>();
  return *session.transaction;
}

Status multi(Call& call) {
  Transaction& transaction = transaction_of(call.session());
  if (transaction.open) return Status::error("ERR MULTI calls can not be nested");
  transaction.open = true;
  transaction.queue.reserve(kQueueLikely);
  call.reply().ok();
  return Status::ok();
}

Status discard(Call& call) {
  if (!in_multi(call.session().transaction.get())) {
    return Status::error("ERR DISCARD without MULTI");
  }
  end_transaction(call.services().listeners.watches, call.store(), call.session());
  call.reply().ok();
  return Status::ok();
}

Status watch(Call& call) {
  Transaction& transaction = transaction_of(call.session());
  if (transaction.open) return Status::error("ERR WATCH inside MULTI is not allowed");
  for (size_t i = 1; i < call.arg_count(); ++i) {
    const Key key = call.key(i);
    const KeyPlace place(key, call.session().db);
    const auto same = [&](const auto& each) { return each->key == place; };
    if (std::any_of(transaction.watches.begin(), transaction.watches.end(), same)) continue;
    auto fresh = std::make_shared<Watch>(place);
    const Item item = call.keyspace(key).find(key);
    fresh->was_expired = item && item->expired(call.now_ms());
    fresh->client = call.session().id;
    call.services().listeners.watches.add(place, fresh);
    transaction.watches.push_back(std::move(fresh));
  }
  call.reply().ok();
  return Status::ok();
}

// Inside MULTI it is queued like any other command and then finds nothing to do.
Status unwatch(Call& call) {
  Session& session = call.session();
  if (!call.is_nested() && session.transaction != nullptr && !session.transaction->open) {
    end_transaction(call.services().listeners.watches, call.store(), session);
  }
  call.reply().ok();
  return Status::ok();
}

// A watched key whose time came since counts as changed, whether it was removed yet or not.
bool changed_since(Call& call, const Watch& watch) {
  if (watch.touched.load(std::memory_order_relaxed)) return true;
  const Key key = watch.key.key();
  const Item item = call.keyspace(key, watch.key.db).find(key);
  return item && !watch.was_expired && item->expired(call.now_ms());
}

// What EXEC says of a command that was allowed when it was queued.
std::string no_longer_allowed(const AclVerdict& verdict) {
  const std::string why =
      verdict.denied == AclReason::command ? "no permission to execute the command or subcommand"
      : verdict.denied == AclReason::key
          ? "no permission to touch the specified keys"
          : "no permission to access one of the channels used as arguments to the command";
  return "NOPERM ACLs rules changed between the moment the transaction was accumulated and the "
         "EXEC call. This command is no longer allowed for the following reason: " +
         why;
}

void run_queued(Call& call, const KeptRequest& request) {
  const AclVerdict verdict = permit(call.services(), call.session(), call.worker().clients,
                                    AclContext::multi, *request.command, request.args);
  if (verdict.allowed()) [[likely]] {
    return call.dispatcher().run_nested(
        call, {request.args, request.command, request.hash, request.first_key});
  }
  const std::string error = no_longer_allowed(verdict);
  call.reply().error(error);
  call.dispatcher().count_error(error);
}

// EXEC's reply when other workers have to give an answer in it: it is waited for when the locks are
// given back, and written as a whole.
class LateAnswers : public Task {
 public:
  // Takes over what was written since `begin`.
  LateAnswers(Dispatcher& dispatcher, Output& replies, size_t begin) : dispatcher_(dispatcher) {
    replies.move_since(begin, reply_);
  }

  void add(std::unique_ptr<Task> answer) { parts_.push_back({std::move(answer), {}}); }
  // Takes what was written since `mark`: it stands behind the answers so far.
  void put_behind(Output& replies, size_t mark) { replies.move_since(mark, parts_.back().behind); }

  Progress step(ReplyWriter& reply, int64_t now_ms) override {
    Output& out = reply.output();
    for (; next_ < parts_.size(); ++next_) {
      Part& part = parts_[next_];
      const size_t mark = out.mark();
      const Progress progress = part.answer->step(reply, now_ms);
      if (progress != Progress::done) return progress;
      dispatcher_.count_error_of(*part.answer, out, mark);
      out.move_since(mark, reply_);
      reply_.append_all(part.behind);
    }
    out.append_all(reply_);
    return Progress::done;
  }

 private:
  struct Part {
    std::unique_ptr<Task> answer;
    Output behind;
  };
  Dispatcher& dispatcher_;
  Output reply_;  // as far as it is known
  std::vector<Part> parts_;
  size_t next_ = 0;
};

void run_queue(Call& call, Transaction& transaction) {
  transaction.runs = true;
  Output& replies = call.reply().output();
  const size_t begin = replies.mark();
  call.reply().array(transaction.queue.size());
  std::unique_ptr<LateAnswers> late;
  for (const KeptRequest& request : transaction.queue) {
    const size_t mark = replies.mark();
    run_queued(call, request);
    if (late) late->put_behind(replies, mark);
    std::unique_ptr<Task> answer = call.dispatcher().take_late_answer();
    if (answer && !late) {
      late = std::make_unique<LateAnswers>(call.dispatcher(), replies, begin);
    }
    if (answer) late->add(std::move(answer));
  }
  if (late) call.start_task(std::move(late));
}

// Runs with the locks of all shards concerned, see Dispatcher::find_shards.
Status exec(Call& call) {
  const std::shared_ptr<Transaction> transaction = call.session().transaction;
  if (!in_multi(transaction.get())) return Status::error("ERR EXEC without MULTI");
  transaction->open = false;
  bool changed = false;
  for (const auto& watch : transaction->watches) {
    changed |= changed_since(call, *watch);
    call.services().listeners.watches.remove(watch->key, watch.get());
  }
  if (!changed && !transaction->failed) run_queue(call, *transaction);
  call.session().transaction.reset();
  if (transaction->failed) {
    return Status::error("EXECABORT Transaction discarded because of previous errors.");
  }
  if (changed) call.reply().null_array();
  return Status::ok();
}

constexpr Flag kQueued = Flag::noscript | Flag::loading | Flag::stale | Flag::fast |
                         Flag::allow_busy;
constexpr Flag kFlags = kQueued | Flag::never_queued;
constexpr Acl kAcl = Acl::transaction | Acl::fast;

constexpr auto kFamily = family({
    {.name = "MULTI", .syntax = "", .summary = "Begins a transaction.", .since = "1.2.0",
     .complexity = "O(1)", .group = "transactions", .arity = exactly(1), .flags = kFlags,
     .acl = kAcl, .run = multi},
    {.name = "EXEC", .syntax = "", .summary = "Runs the commands of a transaction.",
     .since = "1.2.0", .complexity = "Depends on commands in the transaction",
     .group = "transactions", .arity = exactly(1),
     .flags = Flag::noscript | Flag::loading | Flag::stale | Flag::skip_slowlog |
              Flag::runs_queue | Flag::never_queued,
     .acl = Acl::transaction | Acl::slow, .run = exec},
    {.name = "DISCARD", .syntax = "", .summary = "Forgets a transaction.", .since = "2.0.0",
     .complexity = "O(N), when N is the number of queued commands", .group = "transactions",
     .arity = exactly(1), .flags = kFlags, .acl = kAcl, .run = discard},
    {.name = "WATCH", .syntax = "key [key ...]",
     .summary = "Makes the next transaction depend on keys not being changed.", .since = "2.2.0",
     .complexity = "O(1) for every key.", .group = "transactions", .arity = at_least(2),
     .flags = kFlags, .keys = keys_from(1, -1, 1, KeyUse::read_only), .acl = kAcl, .run = watch},
    {.name = "UNWATCH", .syntax = "", .summary = "Forgets the keys that are watched.",
     .since = "2.2.0", .complexity = "O(1)", .group = "transactions", .arity = exactly(1),
     .flags = kQueued, .acl = kAcl, .run = unwatch},
});

}  // namespace

std::span<const CommandSpec> transaction_commands() { return kFamily; }

}  // namespace larder
