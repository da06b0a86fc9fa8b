// SAVE, BGSAVE, LASTSAVE, SHUTDOWN: what is in memory goes to the disk.
// Source: https://redis.io/commands/bgsave/
#include <algorithm>
#include <memory>
#include <utility>

#include "server/engine/args.h"
#include "server/engine/ending.h"
#include "server/engine/outcome_task.h"
#include "server/engine/persistence.h"
#include "server/persistence/families.h"

namespace larder {
namespace {

constexpr const char* kSaving = "ERR Background save already in progress";
constexpr const char* kNoPersistence = "ERR nothing can be saved here";

// Others go on meanwhile: a snapshot needs no halt.
Status save(Call& call) {
  if (call.services().persistence == nullptr) return Status::error(kNoPersistence);
  auto task = std::make_unique<OutcomeTask>("ERR");
  const bool started = call.services().persistence->start_save(false, task->teller(call));
  if (!started) return Status::error(kSaving);
  call.start_task(std::move(task));
  return Status::ok();
}

Status bgsave(Call& call) {
  Args args(call);
  const bool schedule = args.more() && args.take("SCHEDULE");
  if (args.more()) args.reject();
  if (!args.ok()) return args.error();
  Persistence* persistence = call.services().persistence;
  if (persistence == nullptr) return Status::error(kNoPersistence);
  if (persistence->is_saving()) return Status::error(kSaving);
  if (!persistence->start_save(schedule, {})) return Status::error(kSaving);
  call.reply().simple("Background saving started");
  return Status::ok();
}

Status lastsave(Call& call) {
  const Persistence* persistence = call.services().persistence;
  call.reply().integer(persistence != nullptr ? persistence->facts().last_save_seconds
                                              : call.services().start_ms / 1000);
  return Status::ok();
}

// Waits for the end, which is the answer, or for news that the server goes on.
class EndTask : public Task {
 public:
  explicit EndTask(std::shared_ptr<bool> called_off) : called_off_(std::move(called_off)) {}
  Progress step(ReplyWriter& reply, int64_t) override {
    if (!*called_off_) return Progress::wait;
    reply.error("ERR Errors trying to SHUTDOWN. Check logs.");
    return Progress::done;
  }
  bool blocks() const override { return true; }

 private:
  const std::shared_ptr<bool> called_off_;  // on the client's worker only
};

void ask_for_end(Call& call, const EndWish& wish) {
  auto called_off = std::make_shared<bool>(false);
  call.start_task(std::make_unique<EndTask>(called_off));
  auto tell = [called_off, waker = call.waker()](ClientsOfWorker&) {
    *called_off = true;
    waker->wake();
  };
  Workers& workers = call.services().workers;
  const size_t worker = call.worker().index;
  call.services().ending->ask(wish, [&workers, worker, tell] { workers.visit(worker, tell); });
}

Status shutdown(Call& call) {
  EndWish wish;
  bool abort = false;
  Args args(call);
  while (args.more()) {
    if (args.take("SAVE")) {
      wish.save = true;
    } else if (args.take("NOSAVE")) {
      wish.nosave = true;
    } else if (args.take("ABORT")) {
      abort = true;
    } else if (args.take("FORCE")) {
      wish.force = true;
    } else if (args.take("NOW")) {
      wish.now = true;
    } else {
      args.reject();
    }
  }
  if (!args.ok()) return args.error();
  if ((wish.save && wish.nosave) || (abort && call.arg_count() > 2)) {
    return Status::error(errors::kSyntax);
  }
  Ending* ending = call.services().ending;
  if (ending == nullptr) return Status::error("ERR who made this server ends it");
  if (!abort) {
    ask_for_end(call, wish);
    return Status::ok();
  }
  if (!ending->call_off()) return Status::error("ERR No shutdown in progress.");
  call.reply().ok();
  return Status::ok();
}

// Only who wants nothing saved may end the server amid a script.
Flag flags_of_shutdown(Services&, std::span<const Bytes> args, Flag card) {
  const bool amid_script = std::any_of(args.begin() + 1, args.end(), [](Bytes word) {
    return equals_upper(word, "NOSAVE") || equals_upper(word, "ABORT");
  });
  return amid_script ? card : without(card, Flag::allow_busy);
}

constexpr auto kFamily = family({
    {.name = "SAVE",
     .syntax = "",
     .summary = "Saves all keys and answers when that is done.",
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys",
     .group = "server",
     .arity = exactly(1),
     .flags = Flag::admin | Flag::noscript | Flag::no_async_loading | Flag::no_multi,
     .acl = Acl::admin | Acl::slow | Acl::dangerous,
     .run = save},
    {.name = "BGSAVE",
     .syntax = "[SCHEDULE]",
     .summary = "Begins to save all keys.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .group = "server",
     .arity = at_least(1),
     .flags = Flag::admin | Flag::noscript | Flag::no_async_loading,
     .acl = Acl::admin | Acl::slow | Acl::dangerous,
     .run = bgsave},
    {.name = "LASTSAVE",
     .syntax = "",
     .summary = "Tells the Unix time of the last save.",
     .since = "1.0.0",
     .complexity = "O(1)",
     .group = "server",
     .arity = exactly(1),
     .flags = Flag::loading | Flag::stale | Flag::fast,
     .acl = Acl::admin | Acl::fast | Acl::dangerous,
     .run = lastsave},
    {.name = "SHUTDOWN",
     .syntax = "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
     .summary = "Ends the server.",
     .since = "1.0.0",
     .complexity = "O(N) when saving, where N is the number of keys, otherwise O(1)",
     .group = "server",
     .arity = at_least(1),
     .flags = Flag::admin | Flag::noscript | Flag::loading | Flag::stale | Flag::no_multi |
              Flag::allow_busy,
     .acl = Acl::admin | Acl::slow | Acl::dangerous,
     .run = shutdown,
     .flags_of = flags_of_shutdown},
});

}  // namespace

std::span<const CommandSpec> save_commands() { return kFamily; }

}  // namespace larder
