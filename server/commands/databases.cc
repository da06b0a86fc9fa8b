// Whole databases: size, emptying, swapping.
// Source: https://redis.io/commands/?group=server
#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/engine/args.h"
#include "server/engine/dispatcher.h"
#include "server/engine/listeners.h"
#include "server/engine/persistence.h"
#include "storage/lazy_free.h"

namespace larder {
namespace {

Status dbsize(Call& call) {
  const size_t keys = call.store().database_size(call.session().db).keys;
  call.reply().integer(static_cast<int64_t>(keys));
  return Status::ok();
}

// What clients have cached of the databases is no longer true.
void tell_trackers(Call& call) NO_THREAD_SAFETY_ANALYSIS {
  auto garbage = call.services().listeners.tracking.flushed();
  if (garbage != nullptr) call.store().shard(0).services.garbage.push_back(std::move(garbage));
}

// Those who wait for keys of some databases look again.
template <typename Concerns>
void wake_waiters(Call& call, Concerns concerns) {
  call.services().listeners.waiters.each([&](const Waiters::List& list) {
    for (const KeyPlace& key : list.front()->keys) {
      if (concerns(key.db)) call.dispatcher().note_ready(key);
    }
  });
}

// Waits until what is on the disk is as empty as the store: a crash brings nothing back.
class FlushTask : public Task {
 public:
  explicit FlushTask(std::shared_ptr<bool> settled) : settled_(std::move(settled)) {}
  Progress step(ReplyWriter& reply, int64_t) override {
    if (!*settled_) return Progress::wait;
    reply.ok();
    return Progress::done;
  }

 private:
  const std::shared_ptr<bool> settled_;  // on the client's worker only
};

void answer_when_settled(Call& call, Persistence& persistence) {
  auto settled = std::make_shared<bool>(false);
  auto wake = [settled, waker = call.waker()] {
    *settled = true;
    waker->wake();
  };
  Workers& workers = call.services().workers;
  persistence.note_flush([&workers, worker = call.worker().index, wake] {
    workers.visit(worker, [wake](ClientsOfWorker&) { wake(); });
  });
  call.start_task(std::make_unique<FlushTask>(settled));
}

// ASYNC and SYNC cost the same here: the keys are cut off under the locks and freed by the
// reclaimer's thread afterwards. Only those of ASYNC are told as freed lazily.
Status flush(Call& call, unsigned db) {
  if (call.arg_count() > 2) return Status::error(errors::kSyntax);
  const bool chosen = call.arg_count() == 2;
  const bool async = chosen ? equals_upper(call.arg(1), "ASYNC")
                            : call.settings().lazy_flush.load(std::memory_order_relaxed);
  if (chosen && !async && !equals_upper(call.arg(1), "SYNC")) {
    return Status::error(errors::kSyntax);
  }
  touch_all_watches(call.services().listeners.watches, call.store(), db);
  const size_t removed = call.store().flush_locked(db);
  if (async) lazily_freed.fetch_add(removed, std::memory_order_relaxed);
  call.changed_at_large(removed);
  wake_waiters(call, [db](unsigned of) { return db == Store::kAllDatabases || of == db; });
  tell_trackers(call);
  Persistence* persistence = call.services().persistence;
  if (db != Store::kAllDatabases || persistence == nullptr) {
    call.reply().ok();
  } else if (call.is_nested() || call.session().stream != nullptr) {  // nothing may wait
    persistence->note_flush({});
    call.reply().ok();
  } else {
    answer_when_settled(call, *persistence);
  }
  return Status::ok();
}

Status flushdb(Call& call) { return flush(call, call.session().db); }
Status flushall(Call& call) { return flush(call, Store::kAllDatabases); }

std::optional<int64_t> parse_index(Bytes text) {
  const auto index = parse_int64(text);
  if (!index || *index < INT32_MIN || *index > INT32_MAX) return {};
  return index;
}

// To those who watch keys of one of them, or wait for one, everything has changed.
void swap(Call& call, unsigned a, unsigned b) {
  Listeners& listeners = call.services().listeners;
  touch_swapped_watches(listeners.watches, call.store(), a, b, call.clock_ms());
  call.store().swap_databases_locked(a, b);
  wake_waiters(call, [a, b](unsigned db) { return db == a || db == b; });
  call.changed_at_large();
  tell_trackers(call);
}

Status swapdb(Call& call) {
  const auto first = parse_index(call.arg(1));
  if (!first) return Status::error("ERR invalid first DB index");
  const auto second = parse_index(call.arg(2));
  if (!second) return Status::error("ERR invalid second DB index");
  const auto count = static_cast<int64_t>(call.store().databases());
  if (*first < 0 || *first >= count || *second < 0 || *second >= count) {
    return Status::error(errors::kDbRange);
  }
  if (*first != *second) {
    swap(call, static_cast<unsigned>(*first), static_cast<unsigned>(*second));
  }
  call.reply().ok();
  return Status::ok();
}

constexpr auto kFamily = family({
    {.name = "DBSIZE", .syntax = "", .summary = "Counts the keys of the database.",
     .since = "1.0.0", .complexity = "O(1)", .group = "server", .arity = exactly(1),
     .flags = Flag::readonly | Flag::fast, .acl = Acl::keyspace | Acl::read | Acl::fast,
     .run = dbsize},
    {.name = "FLUSHDB", .syntax = "[ASYNC | SYNC]", .summary = "Removes all keys of the database.",
     .since = "1.0.0", .complexity = "O(N) where N is the number of keys, in the background",
     .group = "server", .arity = at_least(1), .flags = Flag::write | Flag::whole_store,
     .acl = Acl::keyspace | Acl::write | Acl::slow | Acl::dangerous, .run = flushdb},
    {.name = "FLUSHALL", .syntax = "[ASYNC | SYNC]",
     .summary = "Removes all keys of all databases.",
     .since = "1.0.0", .complexity = "O(N) where N is the number of keys, in the background",
     .group = "server", .arity = at_least(1), .flags = Flag::write | Flag::whole_store,
     .acl = Acl::keyspace | Acl::write | Acl::slow | Acl::dangerous, .run = flushall},
    {.name = "SWAPDB", .syntax = "index1 index2",
     .summary = "Lets two databases change places for all clients.", .since = "4.0.0",
     .complexity = "O(number of shards)", .group = "server", .arity = exactly(3),
     .flags = Flag::write | Flag::fast | Flag::whole_store,
     .acl = Acl::keyspace | Acl::write | Acl::fast | Acl::dangerous, .run = swapdb},
});

}  // namespace

std::span<const CommandSpec> database_commands() { return kFamily; }

}  // namespace larder
