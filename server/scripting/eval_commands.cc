// EVAL and its kin.
// Source: https://redis.io/commands/?group=scripting
#include "server/engine/errors.h"
#include "server/scripting/families.h"
#include "server/scripting/run_script.h"

namespace larder {
namespace {

Status run_cached(const Script& script, ScriptJob& job, bool read_only) {
  job.flags = script.flags;
  job.name = script.name();
  job.function = script.function;
  // Scripts that go meanwhile can only be others: who flushes needs the turn.
  return run_script(job, read_only);
}

Status eval_as(Call& call, bool read_only) {
  ScriptJob job{call};
  if (Status status = split_keys(call, errors::kNotInteger, job); !status.is_ok()) return status;
  Script* script = nullptr;
  ScriptCache& cache = call.services().scripts.cache();
  if (Status status = cache.get(call.arg(1), false, script); !status.is_ok()) return status;
  return run_cached(*script, job, read_only);
}

Status evalsha_as(Call& call, bool read_only) {
  constexpr const char* kNoScript = "NOSCRIPT No matching script. Please use EVAL.";
  constexpr size_t kShaSize = 40;
  if (call.arg(1).size() != kShaSize) return Status::error(kNoScript);
  ScriptJob job{call};
  if (Status status = split_keys(call, errors::kNotInteger, job); !status.is_ok()) return status;
  const Script* script = call.services().scripts.cache().find(call.arg(1));
  if (script == nullptr) return Status::error(kNoScript);
  return run_cached(*script, job, read_only);
}

Flag flags_of_eval(Services&, std::span<const Bytes> args, Flag card) {
  return flags_with(card, flags_of_script(args[1]));
}

Flag flags_of_evalsha(Services& services, std::span<const Bytes> args, Flag card) {
  return flags_with(card, services.scripts.cache().flags_of(args[1]));
}

Status eval(Call& call) { return eval_as(call, false); }
Status eval_ro(Call& call) { return eval_as(call, true); }
Status evalsha(Call& call) { return evalsha_as(call, false); }
Status evalsha_ro(Call& call) { return evalsha_as(call, true); }

constexpr Flag kFlags = Flag::noscript | Flag::stale | Flag::skip_monitor |
                        Flag::no_mandatory_keys | Flag::movable_keys | Flag::script_turn;
constexpr Flag kWrites = kFlags | Flag::may_replicate;
constexpr Flag kReads = kFlags | Flag::readonly;
constexpr Acl kAcl = Acl::slow | Acl::scripting;
constexpr const char* kComplexity = "Depends on the script that is executed.";
constexpr KeySpec kAnyKeys = keys_counted_at(2, 1, KeyUse::read_write_access_update);
constexpr KeySpec kReadKeys = keys_counted_at(2, 1, KeyUse::read_only_access);

constexpr auto kFamily = family({
    {.name = "EVAL",
     .syntax = "script numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Runs a script.",
     .since = "2.6.0",
     .complexity = kComplexity,
     .group = "scripting",
     .arity = at_least(3),
     .flags = kWrites,
     .keys = kAnyKeys,
     .acl = kAcl,
     .run = eval,
     .flags_of = flags_of_eval},
    {.name = "EVAL_RO",
     .syntax = "script numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Runs a script that may not write.",
     .since = "7.0.0",
     .complexity = kComplexity,
     .group = "scripting",
     .arity = at_least(3),
     .flags = kReads,
     .keys = kReadKeys,
     .acl = kAcl,
     .run = eval_ro,
     .flags_of = flags_of_eval},
    {.name = "EVALSHA",
     .syntax = "sha1 numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Runs a script that is known, by its digest.",
     .since = "2.6.0",
     .complexity = kComplexity,
     .group = "scripting",
     .arity = at_least(3),
     .flags = kWrites,
     .keys = kAnyKeys,
     .acl = kAcl,
     .run = evalsha,
     .flags_of = flags_of_evalsha},
    {.name = "EVALSHA_RO",
     .syntax = "sha1 numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Runs a script that is known and may not write.",
     .since = "7.0.0",
     .complexity = kComplexity,
     .group = "scripting",
     .arity = at_least(3),
     .flags = kReads,
     .keys = kReadKeys,
     .acl = kAcl,
     .run = evalsha_ro,
     .flags_of = flags_of_evalsha},
});

}  // namespace

std::span<const CommandSpec> eval_commands() { return kFamily; }

}  // namespace larder
