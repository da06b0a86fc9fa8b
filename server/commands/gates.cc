#include "server/commands/gates.h"

#include <algorithm>

#include "server/commands/errors.h"
#include "server/commands/transactions.h"
#include "server/commands/listeners.h"

namespace larder {
namespace {

constexpr size_t kQuotedMax = 128;

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

Status known(const GateInput& input) {
  if (input.command != nullptr) [[likely]] return Status::ok();
  return Status::error(unknown_command(input.args));
}

std::string bad_veiled_part(const GateInput& input, Bytes container) {
  return "ERR unknown subcommand or wrong number of arguments for '" +
         std::string(input.args[1].substr(0, kQuotedMax)) + "'. Try " + std::string(container) +
         " HELP.";
}

// A container called with a word that is none of its sub-commands.
Status subcommand_known(const GateInput& input) {
  const CommandSpec& spec = *input.command->spec;
  if (spec.subcommands.empty() || input.args.size() < 2) [[likely]] return Status::ok();
  const std::string container(spec.name);
  if (spec.veiled) return Status::error(bad_veiled_part(input, container));
  return Status::error("ERR unknown subcommand '" +
                       std::string(quotable(input.args[1], kQuotedMax)) + "'. Try " + container +
                       " HELP.");
}

Status arity(const GateInput& input) {
  if (input.command->takes(input.args.size())) [[likely]] return Status::ok();
  if (input.command->is_veiled_part()) {
    return Status::error(bad_veiled_part(input, input.command->parent->spec->name));
  }
  return Status::error("ERR wrong number of arguments for '" + input.command->name + "' command");
}

Status authenticated(const GateInput& input) {
  if (input.session.authenticated || has(input.command->spec->flags, Flag::no_auth)) {
    return Status::ok();
  }
  return Status::error(errors::kNoAuth);
}

// Not a refusal either: the tracking table is kept within its limit.
Status tracking_table(const GateInput& input) {
  Tracking& tracking = input.services.listeners.tracking;
  if (tracking.over_limit()) [[unlikely]] tracking.evict(input.worker.random->next());
  return Status::ok();
}

// In RESP2 a reply could not be told from a message.
Status not_subscribed(const GateInput& input) {
  if (input.session.subscriptions == nullptr) [[likely]] return Status::ok();
  if (input.session.protocol >= 3) return Status::ok();
  const Bytes name = input.command->spec->name;
  for (const Bytes allowed : {"PING", "SUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "SUNSUBSCRIBE",
                              "PSUBSCRIBE", "PUNSUBSCRIBE", "QUIT", "RESET"}) {
    if (name == allowed) return Status::ok();
  }
  return Status::error("ERR Can't execute '" + input.command->name +
                       "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
                       "allowed in this context");
}

constexpr const char* kLoadingText = "LOADING Redis is loading the dataset in memory";
constexpr const char* kSaveFailedText =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk. Commands that may modify the data set are disabled, because this instance is configured "
    "to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error "
    "option). Please check the Redis logs for details about the RDB error.";

// See LiveSettings::trouble.
Status untroubled(const GateInput& input) {
  const uint32_t trouble = input.services.settings.trouble.load(std::memory_order_relaxed);
  if (trouble == 0) [[likely]] return Status::ok();
  const CommandSpec& spec = *input.command->spec;
  if ((trouble & kLoading) != 0 && !has(spec.flags, Flag::loading)) {
    return Status::error(kLoadingText);
  }
  const bool writes = has(spec.flags, Flag::write) || spec.name == "PING";
  if ((trouble & kSaveFailed) != 0 && writes) return Status::error(kSaveFailedText);
  return Status::ok();
}

// Makes room before a command that may need memory.
Status memory(const GateInput& input) {
  Store& store = input.services.store;
  if (!store.memory().over_limit()) [[likely]] return Status::ok();
  if (store.make_room(input.now_ms, input.worker.random->next())) return Status::ok();
  if (!has(input.command->spec->flags, Flag::deny_oom)) return Status::ok();
  return Status::error(errors::kOutOfMemory);
}

Status allowed_in_multi(const GateInput& input) {
  if (!in_multi(input.session.transaction.get())) [[likely]] return Status::ok();
  if (!has(input.command->spec->flags, Flag::no_multi)) return Status::ok();
  return Status::error("ERR Command not allowed inside a transaction");
}

// In this order, until one refuses. Unrolled by the compiler: every request passes here.
template <auto... gates>
Status pass(const GateInput& input) {
  Status status = Status::ok();
  static_cast<void>(((status = gates(input), status.is_ok()) && ...));
  return status;
}

}  // namespace

Status pass_gates(const GateInput& input) {
  return pass<known, subcommand_known, arity, authenticated, untroubled, memory, tracking_table,
              not_subscribed, allowed_in_multi>(input);
}

bool is_cross_protocol(const GateInput& input) {
  if (input.command != nullptr) [[likely]] return false;
  return equals_upper(input.args[0], "POST") || equals_upper(input.args[0], "HOST:");
}

bool must_wait(const Services& services, const Session& session, const Command& command,
               int64_t now_ms) {
  const Flag adds = Flag::write | Flag::pubsub;
  if (services.listeners.pushes.congested() && has(command.spec->flags, adds)) [[unlikely]] {
    return true;
  }
  const PauseState& pause = services.pause;
  if (pause.until_ms.load(std::memory_order_relaxed) <= now_ms) [[likely]] return false;
  const CommandSpec& spec = *command.spec;
  const Command& top = command.parent != nullptr ? *command.parent : command;
  if (top.spec->name == "CLIENT") return false;  // CLIENT UNPAUSE must get through
  if (session.monitor) return false;
  if (!pause.writes_only.load(std::memory_order_relaxed)) return true;
  return has(spec.flags, Flag::write) || has(spec.flags, Flag::may_replicate);
}

}  // namespace larder
