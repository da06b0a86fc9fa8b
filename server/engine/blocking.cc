#include "server/engine/blocking.h"

#include <cmath>

#include "base/numbers.h"
#include "server/engine/activity.h"
#include "server/engine/args.h"
#include "server/engine/call.h"
#include "server/engine/listeners.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

constexpr const char* kTimeoutRange = "ERR timeout is out of range";
// How soon a client whose time is over tries again to leave a key that a script holds.
constexpr int64_t kAgainMs = 5;
constexpr const char* kTimeoutNegative = "ERR timeout is negative";

int64_t end_of(Args& args, long double timeout_ms, int64_t now_ms) {
  if (!args.ok()) return 0;
  if (timeout_ms < 0) {
    args.fail(kTimeoutNegative);
    return 0;
  }
  if (timeout_ms > static_cast<long double>(INT64_MAX - now_ms)) {
    args.fail(kTimeoutRange);
    return 0;
  }
  return timeout_ms == 0 ? INT64_MAX : now_ms + static_cast<int64_t>(std::ceil(timeout_ms));
}

}  // namespace

void leave_lists(Waiters& waiters, Waiter& waiter) {
  for (const KeyPlace& key : waiter.keys) waiters.remove(key, &waiter);
  waiter.listed = false;
}

void reply_nothing(ReplyWriter& reply, Nothing nothing) {
  nothing == Nothing::null ? reply.null() : reply.null_array();
}

BlockedTask::BlockedTask(Services& services, std::shared_ptr<Waiter> waiter)
    : services_(services), waiter_(std::move(waiter)) {
  services_.workers.stats(waiter_->worker).blocked.add(1);
}

BlockedTask::~BlockedTask() {
  if (try_leave() == Leaving::later) waiter_->gone.store(true, std::memory_order_relaxed);
  waiter_->uncount(services_.workers.stats(waiter_->worker));
}

BlockedTask::Leaving BlockedTask::try_leave() {
  if (waiter_->served.load(std::memory_order_acquire)) return Leaving::served;
  if (held_shards != nullptr) return Leaving::later;  // amid a transaction, maybe on these shards
  ShardSet shards;
  for (const unsigned shard : waiter_->shards) shards.add(shard);
  if (!lock_shards(services_.store, shards)) return Leaving::later;
  const bool left = waiter_->listed;
  if (left) leave_lists(services_.listeners.waiters, *waiter_);
  unlock_shards(services_.store, shards);
  return left ? Leaving::left : Leaving::served;
}

// The command ends here without having been served; null: not by an error.
void BlockedTask::count(const char* error) {
  WorkerStats& stats = services_.workers.stats(waiter_->worker);
  CommandStats& counts = stats.commands[waiter_->command->id];
  counts.calls.add(1);
  stats.commands_run.add(1);
  if (error == nullptr) return;
  counts.failed.add(1);
  stats.errors.add(1);
  services_.error_stats.add(error);
}

Task::Progress BlockedTask::step(ReplyWriter& reply, int64_t now_ms) {
  if (waiter_->served.load(std::memory_order_acquire)) {
    reply.output().append_all(waiter_->reply);
    return Progress::done;
  }
  if (now_ms < waiter_->options.until_ms) return Progress::wait;
  const Leaving leaving = try_leave();
  if (leaving == Leaving::later) again_ms_ = now_ms + kAgainMs;
  if (leaving != Leaving::left) return Progress::wait;
  reply_nothing(reply, waiter_->options.nothing);
  count(nullptr);
  return Progress::done;
}

bool BlockedTask::unblock(ReplyWriter& reply, const char* error) {
  if (try_leave() != Leaving::left) return false;
  error != nullptr ? reply.error(error) : reply_nothing(reply, waiter_->options.nothing);
  count(error);
  return true;
}

int64_t take_timeout(Args& args, int64_t now_ms) {
  const auto seconds = parse_long_double(args.bytes());
  if (!seconds) args.fail("ERR timeout is not a float or out of range");
  return end_of(args, seconds.value_or(0) * 1000, now_ms);
}

int64_t take_timeout_ms(Args& args, int64_t now_ms) {
  const int64_t ms = args.integer("ERR timeout is not an integer or out of range");
  return end_of(args, static_cast<long double>(ms), now_ms);
}

}  // namespace larder
