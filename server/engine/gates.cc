#include "server/engine/gates.h"

#include <algorithm>

#include "base/numbers.h"
#include "server/engine/acl/gate.h"
#include "server/engine/activity.h"
#include "server/engine/errors.h"
#include "server/engine/listeners.h"
#include "server/engine/pause.h"
#include "server/engine/replication.h"
#include "server/engine/request_flags.h"
#include "server/engine/transactions.h"
#include "server/engine/trouble.h"
#include "server/engine/wrong_words.h"

namespace larder {
namespace {

constexpr size_t kQuotedMax = 128;

Flag flags_of(const GateInput& input) {
  return flags_of(input.services, *input.command, input.args);
}

// As Redis quotes what it does not know: up to a NUL.
Bytes quotable(Bytes word, size_t bytes_max) {
  return word.substr(0, std::min(word.find('\0'), bytes_max));
}

std::string unknown_command(std::span<const Bytes> args) {
  std::string beginning;
  for (const Bytes arg : args.subspan(1)) {
    if (beginning.size() >= kQuotedMax) break;
    const size_t room = kQuotedMax - beginning.size();  // of the words alone, as Redis counts
    beginning.append("'").append(quotable(arg, room)).append("' ");
  }
  return "ERR unknown command '" + std::string(quotable(args[0], kQuotedMax)) +
         "', with args beginning with: " + beginning;
}

struct Known {
  static bool concerns(const GateInput& input) { return input.command == nullptr; }
  static Status check(const GateInput& input) {
    return Status::error(unknown_command(input.args));
  }
};

// A container called with a word that is none of its sub-commands.
struct SubcommandKnown {
  static bool concerns(const GateInput& input) { return !input.command->subcommands.empty(); }
  static Status check(const GateInput& input) {
    const CommandSpec& spec = *input.command->spec;
    if (input.args.size() < 2 || spec.veiled) return Status::ok();
    const std::string container(spec.name);
    return Status::error("ERR unknown subcommand '" +
                         std::string(quotable(input.args[1], kQuotedMax)) + "'. Try " + container +
                         " HELP.");
  }
};

struct Arity {
  static bool concerns(const GateInput& input) { return !input.command->takes(input.args.size()); }
  static Status check(const GateInput& input) {
    if (input.command->is_veiled_part()) {
      return Status::error(wrong_words_text(input.args[1], input.command->parent->spec->name));
    }
    return Status::error("ERR wrong number of arguments for '" + input.command->name +
                         "' command");
  }
};

// Of a client whose user may not do everything, or has changed since it was asked last.
struct Allowed {
  static bool concerns(const GateInput& input) {
    return input.session.acl_pass != input.services.access.generation();
  }
  static Status check(const GateInput& input) {
    Session& session = input.session;
    const Command& command = *input.command;
    if (session.acl_generation != input.services.access.generation()) {
      input.services.access.refresh(session);
    }
    const bool open = has(command.spec->flags, Flag::no_auth);
    if (!session.authenticated && !open) return Status::error(errors::kNoAuth);
    session.last_command = command.shown;  // for the log
    session.last_parent = command.shown_parent;
    const bool queued = in_multi(session.transaction.get());
    const AclContext context = queued ? AclContext::multi : AclContext::toplevel;
    const AclVerdict verdict =
        permit(input.services, session, input.worker.clients, context, command, input.args);
    if (verdict.allowed()) return Status::ok();
    if (session.acl_user == nullptr) return Status::error(errors::kNoAuth);
    return Status::error("NOPERM " +
                         denial_text(verdict, session.user, command, input.args));
  }
};

// See LiveSettings::trouble.
struct Untroubled {
  static uint32_t trouble(const GateInput& input) {
    return input.services.settings.trouble.load(std::memory_order_relaxed);
  }
  static bool concerns(const GateInput& input) { return trouble(input) != 0; }
  static Status check(const GateInput& input) {
    const Flag flags = flags_of(input);
    const bool alone = (trouble(input) & kLoading) != 0;
    const bool beside = (trouble(input) & kLoadingBeside) != 0;
    if ((alone && !has(flags, Flag::loading)) || (beside && has(flags, Flag::no_async_loading))) {
      return Status::error(kLoadingText);
    }
    const bool writes = has(flags, Flag::write) || input.command->spec->name == "PING";
    Status refusal = writes ? disk_refusal(input.services, trouble(input)) : Status::ok();
    if (!refusal.is_ok()) return refusal;
    return replication_refusal(trouble(input), question_of(input));
  }
  // Of EXEC: all that it would run.
  static GateQuestion question_of(const GateInput& input) {
    const Flag flags = flags_of(input);
    GateQuestion question{has(flags, Flag::write), has(flags, Flag::stale)};
    const Transaction* transaction = input.session.transaction.get();
    if (!has(flags, Flag::runs_queue) || transaction == nullptr) return question;
    for (const KeptRequest& request : transaction->queue) {
      const Flag queued = flags_of(input.services, *request.command, request.args);
      question.writes |= has(queued, Flag::write);
      question.runs_stale &= has(queued, Flag::stale);
    }
    return question;
  }
};

// The parts of a veiled container are nobody's business who may not use it.
struct VeiledPartKnown {
  static bool concerns(const GateInput& input) { return !input.command->subcommands.empty(); }
  static Status check(const GateInput& input) {
    if (input.args.size() < 2 || !input.command->spec->veiled) return Status::ok();
    return Status::error(wrong_words_text(input.args[1], input.command->spec->name));
  }
};

// The reply may tell that a key is gone: a client that has it cached hears of that before, unless
// what stands there now is taken back with the reply.
void tell_of_evicted(const GateInput& input) {
  if (input.session.tracking == nullptr || input.session.reply_mode != ReplyMode::on) return;
  input.services.listeners.pushes.deliver(*input.worker.clients);
}

// While the account is over the limit, any request makes room first; only one that needs memory is
// refused when that fails.
struct Memory {
  static bool concerns(const GateInput& input) {
    return input.services.store.memory().over_limit();
  }
  static Status check(const GateInput& input) {
    const uint32_t trouble = input.services.settings.trouble.load(std::memory_order_relaxed);
    // What is being loaded may need what would go.
    if ((trouble & (kPrimaryEvicts | kLoading)) != 0) return Status::ok();
    const LatencyTimer timer(input.services);
    const bool has_room = input.services.store.make_room(input.now_ms, input.worker.random->next());
    timer.end("eviction-cycle");
    tell_of_evicted(input);
    if (has_room) return Status::ok();
    input.out_of_memory = true;
    if (!needs_memory(input)) return Status::ok();
    return Status::error(errors::kOutOfMemory);
  }

 private:
  // Queued commands need memory too; EXEC needs what its queue needs.
  static bool needs_memory(const GateInput& input) {
    const Flag flags = flags_of(input);
    if (has(flags, Flag::deny_oom)) return true;
    const Transaction* transaction = input.session.transaction.get();
    if (!in_multi(transaction)) return false;
    if (!has(flags, Flag::runs_queue)) return !has(flags, Flag::never_queued);
    const auto& queue = transaction->queue;
    return std::any_of(queue.begin(), queue.end(), [&](const KeptRequest& request) {
      return has(flags_of(input.services, *request.command, request.args), Flag::deny_oom);
    });
  }
};

// Refuses nothing: the tracking table is kept within its limit.
struct TrackingTable {
  static bool concerns(const GateInput& input) {
    return input.services.listeners.tracking.over_limit();
  }
  static Status check(const GateInput& input) {
    input.services.listeners.tracking.evict(input.worker.random->next());
    tell_of_evicted(input);
    return Status::ok();
  }
};

// In RESP2 a reply could not be told from a message.
struct NotSubscribed {
  static bool concerns(const GateInput& input) {
    return input.session.subscriptions != nullptr && input.session.protocol < 3;
  }
  static Status check(const GateInput& input) {
    const bool part = input.command->parent != nullptr;  // LATENCY RESET is not RESET
    const Bytes name = input.command->spec->name;
    for (const Bytes allowed : {"PING", "SUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "SUNSUBSCRIBE",
                                "PSUBSCRIBE", "PUNSUBSCRIBE", "QUIT", "RESET"}) {
      if (name == allowed && !part) return Status::ok();
    }
    return Status::error("ERR Can't execute '" + input.command->name +
                         "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
                         "allowed in this context");
  }
};

struct AllowedInMulti {
  static bool concerns(const GateInput& input) {
    return in_multi(input.session.transaction.get()) &&
           has(input.command->spec->flags, Flag::no_multi);
  }
  static Status check(const GateInput&) {
    return Status::error("ERR Command not allowed inside a transaction");
  }
};

// In this order, until one refuses. Every request passes here, and hardly any concerns a gate:
// that question is inlined for all of them, the checks are not.
template <typename... gates>
struct GateList {
  static bool concern(const GateInput& input) { return (gates::concerns(input) || ...); }
  static Status check(const GateInput& input) {
    Status status = Status::ok();
    static_cast<void>(
        ((!gates::concerns(input) || (status = gates::check(input), status.is_ok())) && ...));
    return status;
  }
};

using Gates = GateList<Known, SubcommandKnown, Arity, Allowed, VeiledPartKnown, Untroubled, Memory,
                       TrackingTable, NotSubscribed, AllowedInMulti>;

}  // namespace

Status pass_gates(const GateInput& input) {
  if (!Gates::concern(input)) [[likely]] return Status::ok();
  return Gates::check(input);
}

namespace {

// What the primary writes next would come into another database.
bool selects_what_is_not_here(const GateInput& input) {
  if (input.command->spec->name != "SELECT") return false;
  const auto db = parse_int64(input.args[1]);
  return !db || *db < 0 || *db >= static_cast<int64_t>(input.services.store.databases());
}

}  // namespace

Status pass_gates_of_stream(const GateInput& input) {
  Status status = GateList<Known, SubcommandKnown, Arity>::check(input);
  if (status.is_ok() && selects_what_is_not_here(input)) [[unlikely]] {
    input.session.close_after_reply = true;
    status = Status::error(errors::kDbRange);
  }
  const bool disk_fails = (Untroubled::trouble(input) & (kSaveFailed | kAofFailed)) != 0;
  if (disk_fails && status.is_ok() && has(input.command->spec->flags, Flag::write)) [[unlikely]] {
    input.services.replication->bear_disk_errors();
  }
  return status;
}

bool follows_primary(const Session& session) {
  return session.stream != nullptr && session.stream->kind() == StreamEnd::Kind::primary;
}

bool is_cross_protocol(const GateInput& input) {
  if (input.command != nullptr) [[likely]] return false;
  return equals_upper(input.args[0], "POST") || equals_upper(input.args[0], "HOST:");
}

namespace {

bool may_write(Services& services, const Command& command, std::span<const Bytes> args) {
  return has(flags_of(services, command, args), Flag::write | Flag::may_replicate);
}

bool queue_may_write(Services& services, const Transaction& transaction) {
  return std::any_of(transaction.queue.begin(), transaction.queue.end(),
                     [&](const KeptRequest& request) {
                       return may_write(services, *request.command, request.args);
                     });
}

}  // namespace

bool must_wait(const GateInput& input) {
  const Flag adds = Flag::write | Flag::pubsub;
  const bool congested = input.services.listeners.pushes.congested();
  if (congested && has(input.command->spec->flags, adds)) [[unlikely]] return true;
  return is_paused(input);
}

bool waits_for_failover(const GateInput& input, const Status& refusal) {
  return refusal.text() == errors::kReadOnlyReplica && is_paused(input) &&
         input.services.pause.is_paused_by(PauseState::By::failover, input.now_ms);
}

bool is_paused(const GateInput& input) {
  const Services& services = input.services;
  if (!services.pause.stops_writes(input.now_ms)) [[likely]] return false;
  if (input.session.monitor) return false;
  const CommandSpec& spec = *input.command->spec;
  if (services.pause.stops_all(input.now_ms)) return true;  // as in Redis CLIENT UNPAUSE, too
  const Transaction* const transaction = input.session.transaction.get();
  if (has(spec.flags, Flag::runs_queue) && transaction != nullptr) {
    return queue_may_write(input.services, *transaction);
  }
  return may_write(input.services, *input.command, input.args);
}

}  // namespace larder
