// SCRIPT: the cache of scripts, and the end of one that runs.
// Source: https://redis.io/commands/?group=scripting
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/script_run.h"
#include "server/scripting/engine.h"
#include "server/scripting/families.h"

namespace larder {
namespace {

Status exists(Call& call) {
  call.reply().array(call.arg_count() - 2);
  for (size_t i = 2; i < call.arg_count(); ++i) {
    call.reply().integer(call.services().scripts.cache().find(call.arg(i)) != nullptr ? 1 : 0);
  }
  return Status::ok();
}

Status flush(Call& call) {
  Args args(call);
  const bool mode = !args.more() || args.take("SYNC") || args.take("ASYNC");
  if (!mode || args.more()) {
    return Status::error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  }
  call.services().scripts.flush_scripts();
  call.reply().ok();
  return Status::ok();
}

Status load(Call& call) {
  Script* script = nullptr;
  Status status = call.services().scripts.cache().get(call.arg(2), true, script);
  if (status.is_ok()) call.reply().bulk(script->name());
  return status;
}

Status kill(Call& call) {
  Status status = call.services().script.kill(false);
  if (status.is_ok()) call.reply().ok();
  return status;
}

Status debug(Call& call) {
  const Bytes mode = call.arg(2);
  if (equals_upper(mode, "NO")) {
    call.reply().ok();
    return Status::ok();
  }
  if (!equals_upper(mode, "YES") && !equals_upper(mode, "SYNC")) {
    return Status::error("ERR Use SCRIPT DEBUG YES/SYNC/NO");
  }
  return Status::error("ERR There is no debugger of scripts");
}

Status help(Call& call) {
  return reply_help(
      call,
      {"SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", "DEBUG NO",
       "    There is no debugger.", "EXISTS <sha1> [<sha1> ...]", "    Which scripts are loaded.",
       "FLUSH [ASYNC|SYNC]", "    Forgets all scripts.", "KILL", "    Ends the running script.",
       "LOAD <script>", "    Keeps a script for EVALSHA.", "HELP", "    This text."});
}

constexpr Acl kScripting = Acl::slow | Acl::scripting;
constexpr Flag kOfCache = Flag::noscript | Flag::script_turn;

constexpr auto kScript = family({
    {.name = "DEBUG",
     .syntax = "<YES | SYNC | NO>",
     .summary = "There is no debugger.",
     .since = "3.2.0",
     .complexity = "O(1)",
     .group = "scripting",
     .arity = exactly(3),
     .flags = Flag::noscript,
     .acl = kScripting,
     .run = debug},
    {.name = "EXISTS",
     .syntax = "sha1 [sha1 ...]",
     .summary = "Tells which scripts are loaded.",
     .since = "2.6.0",
     .complexity = "O(N) where N is the number of digests",
     .group = "scripting",
     .arity = at_least(3),
     .flags = kOfCache,
     .acl = kScripting,
     .run = exists},
    {.name = "FLUSH",
     .syntax = "[ASYNC | SYNC]",
     .summary = "Forgets all scripts.",
     .since = "2.6.0",
     .complexity = "O(N) where N is the number of scripts",
     .group = "scripting",
     .arity = at_least(2),
     .flags = kOfCache,
     .acl = kScripting,
     .run = flush},
    {.name = "KILL",
     .syntax = "",
     .summary = "Ends the running script.",
     .since = "2.6.0",
     .complexity = "O(1)",
     .group = "scripting",
     .arity = exactly(2),
     .flags = Flag::noscript | Flag::allow_busy,
     .acl = kScripting,
     .run = kill},
    {.name = "LOAD",
     .syntax = "script",
     .summary = "Keeps a script for EVALSHA.",
     .since = "2.6.0",
     .complexity = "O(N) with N being the length of the script",
     .group = "scripting",
     .arity = exactly(3),
     .flags = kOfCache | Flag::stale,
     .acl = kScripting,
     .run = load},
    help_card("scripting", "5.0.0", kScripting, help),
});

constexpr auto kFamily = family({
    container_card("SCRIPT", "A container for commands about scripts.", "2.6.0", "scripting",
                   kScript),
});

}  // namespace

std::span<const CommandSpec> script_commands() { return kFamily; }

}  // namespace larder
