// SAVE, BGSAVE, LASTSAVE, SHUTDOWN: what is in memory goes to the disk.
// Source: https://redis.io/commands/bgsave/
#include <atomic>
#include <string>

#include "server/commands/args.h"
#include "server/commands/persistence.h"
#include "server/commands/replication.h"
#include "server/persistence/families.h"

namespace larder {
namespace {

constexpr const char* kSaving = "ERR Background save already in progress";
constexpr const char* kNoPersistence = "ERR nothing can be saved here";

// Waits for a save that another thread does.
class SaveTask : public Task {
 public:
  struct Outcome {
    bool done = false;  // on the client's worker only
    std::string error;
  };
  using Answer = std::function<Progress(ReplyWriter&, const std::string& error)>;

  SaveTask(std::shared_ptr<Outcome> outcome, Answer answer)
      : outcome_(std::move(outcome)), answer_(std::move(answer)) {}
  Progress step(ReplyWriter& reply, int64_t) override {
    return outcome_->done ? answer_(reply, outcome_->error) : Progress::wait;
  }

 private:
  const std::shared_ptr<Outcome> outcome_;
  const Answer answer_;
};

// Begins a save and answers when it is over. False when one runs.
bool answer_after_save(Call& call, bool schedule, SaveTask::Answer answer) {
  auto outcome = std::make_shared<SaveTask::Outcome>();
  Workers& workers = call.services().workers;
  const size_t worker = call.worker().index;
  auto wake = [outcome, waker = call.waker()](const std::string& error) {
    outcome->error = error;
    outcome->done = true;
    waker->wake();
  };
  const bool started = call.services().persistence->start_save(
      schedule, [&workers, worker, wake](const std::string& error) {
        workers.visit(worker, [wake, error](ClientsOfWorker&) { wake(error); });
      });
  if (started) call.start_task(std::make_unique<SaveTask>(outcome, std::move(answer)));
  return started;
}

// Others go on meanwhile: a snapshot needs no halt.
Status save(Call& call) {
  if (call.services().persistence == nullptr) return Status::error(kNoPersistence);
  const bool started =
      answer_after_save(call, false, [](ReplyWriter& reply, const std::string& error) {
        error.empty() ? reply.ok() : reply.error("ERR");
        return Task::Progress::done;
      });
  return started ? Status::ok() : Status::error(kSaving);
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

struct ShutdownOptions {
  bool save = false;
  bool nosave = false;
  bool abort = false;
  bool force = false;
  bool now = false;
};

void end(Call& call, bool now) {
  if (Persistence* persistence = call.services().persistence) persistence->prepare_end(now);
  call.services().workers.request_stop();
  call.session().close_after_reply = true;
}

// Writes wait from here on, so that what is saved is all there is at the end.
Status save_and_end(Call& call, const ShutdownOptions& options) {
  Services& services = call.services();
  services.pause.writes_only.store(true);
  services.pause.until_ms.store(INT64_MAX);
  if (services.replication != nullptr) services.replication->hold(true);
  services.persistence->give_up_bgsave();
  answer_after_save(call, true, [&services, options](ReplyWriter& reply, const auto& error) {
    if (error.empty() || options.force) {
      services.persistence->prepare_end(options.now);
      services.workers.request_stop();
      return Task::Progress::wait;  // the end is the answer
    }
    if (services.replication != nullptr) services.replication->hold(false);
    services.pause.until_ms.store(0);
    reply.error("ERR Errors trying to SHUTDOWN. Check logs.");
    return Task::Progress::done;
  });
  return Status::ok();
}

Status shutdown(Call& call) {
  ShutdownOptions options;
  Args args(call);
  while (args.more()) {
    if (args.take("SAVE")) {
      options.save = true;
    } else if (args.take("NOSAVE")) {
      options.nosave = true;
    } else if (args.take("ABORT")) {
      options.abort = true;
    } else if (args.take("FORCE")) {
      options.force = true;
    } else if (args.take("NOW")) {
      options.now = true;
    } else {
      args.reject();
    }
  }
  if (!args.ok()) return args.error();
  if ((options.save && options.nosave) || (options.abort && call.arg_count() > 2)) {
    return Status::error(errors::kSyntax);
  }
  if (options.abort) return Status::error("ERR No shutdown in progress.");
  Persistence* persistence = call.services().persistence;
  const bool loading = (call.settings().trouble.load() & kLoading) != 0;  // that is not all yet
  const bool saves = persistence != nullptr && !options.nosave && !loading &&
                     (options.save || persistence->has_save_points());
  if (saves) return save_and_end(call, options);
  end(call, options.now);
  return Status::ok();
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
     .run = shutdown},
});

}  // namespace

std::span<const CommandSpec> save_commands() { return kFamily; }

}  // namespace larder
