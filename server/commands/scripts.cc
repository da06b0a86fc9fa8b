// SCRIPT and MODULE of a server that runs neither: nothing is loaded, so forgetting it is done at
// once. Tools that clean or list a server call these.
#include "server/commands/answers.h"
#include "server/commands/args.h"
#include "server/commands/families.h"

namespace larder {
namespace {

Status exists(Call& call) {
  call.reply().array(call.arg_count() - 2);
  for (size_t i = 2; i < call.arg_count(); ++i) call.reply().integer(0);
  return Status::ok();
}

Status flush(Call& call) {
  Args args(call);
  const bool mode = !args.more() || args.take("SYNC") || args.take("ASYNC");
  if (!mode || args.more()) {
    return Status::error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  }
  call.reply().ok();
  return Status::ok();
}

Status kill(Call&) { return Status::error("NOTBUSY No scripts in execution right now."); }

Status script_help(Call& call) {
  return reply_help(call, {"SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "EXISTS <sha1> [<sha1> ...]", "    Which scripts are loaded.",
                           "FLUSH [ASYNC|SYNC]", "    Forgets all scripts.",
                           "KILL", "    Ends the running script.",
                           "HELP", "    This text."});
}

Status no_modules(Call& call) {
  call.reply().array(0);
  return Status::ok();
}

Status module_help(Call& call) {
  return reply_help(call, {"MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "LIST", "    The loaded modules.", "HELP", "    This text."});
}

constexpr Acl kScripting = Acl::slow | Acl::scripting;

constexpr auto kScript = family({
    {.name = "EXISTS", .syntax = "sha1 [sha1 ...]", .summary = "Tells which scripts are loaded.",
     .since = "2.6.0", .complexity = "O(N) where N is the number of digests",
     .group = "scripting", .arity = at_least(3), .flags = Flag::noscript, .acl = kScripting,
     .run = exists},
    {.name = "FLUSH", .syntax = "[ASYNC | SYNC]", .summary = "Forgets all scripts.",
     .since = "2.6.0", .complexity = "O(N) where N is the number of scripts",
     .group = "scripting", .arity = at_least(2), .flags = Flag::noscript, .acl = kScripting,
     .run = flush},
    {.name = "KILL", .syntax = "", .summary = "Ends the running script.", .since = "2.6.0",
     .complexity = "O(1)", .group = "scripting", .arity = exactly(2),
     .flags = Flag::noscript | Flag::allow_busy, .acl = kScripting, .run = kill},
    help_card("scripting", "5.0.0", kScripting, script_help),
});

constexpr auto kModule = family({
    {.name = "LIST", .syntax = "", .summary = "Lists the loaded modules.", .since = "4.0.0",
     .complexity = "O(N) where N is the number of modules", .group = "server",
     .arity = exactly(2), .flags = Flag::admin | Flag::noscript,
     .acl = Acl::admin | Acl::slow | Acl::dangerous, .run = no_modules},
    help_card("server", "5.0.0", Acl::slow, module_help),
});

constexpr auto kFamily = family({
    container_card("SCRIPT", "A container for commands about scripts.", "2.6.0", "scripting",
                   kScript),
    container_card("MODULE", "A container for commands about modules.", "4.0.0", "server",
                   kModule),
});

}  // namespace

std::span<const CommandSpec> script_commands() { return kFamily; }

}  // namespace larder
