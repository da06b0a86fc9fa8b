// FUNCTION of a server that runs no scripts: there are no libraries to list, flushing them is done
// at once, and loading one is refused as an unknown sub-command. Tools that clean a server call it.
// Source: https://redis.io/commands/?group=scripting
#include "server/commands/answers.h"
#include "server/commands/args.h"
#include "server/commands/families.h"

namespace larder {
namespace {

Status flush(Call& call) {
  Args args(call);
  const bool mode = !args.more() || args.take("SYNC") || args.take("ASYNC");
  if (!mode || args.more()) {
    return Status::error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  call.reply().ok();
  return Status::ok();
}

Status list(Call& call) {
  Args args(call);
  while (args.more()) {
    if (args.take("WITHCODE")) continue;
    if (args.take("LIBRARYNAME")) {
      if (!args.more()) return Status::error("ERR library name argument was not given");
      args.skip();
      continue;
    }
    return Status::error("ERR Unknown argument " + std::string(args.peek()));
  }
  call.reply().array(0);
  return Status::ok();
}

Status stats(Call& call) {
  ReplyWriter& reply = call.reply();
  reply.map(2);
  reply.bulk("running_script");
  reply.null();
  reply.bulk("engines");
  reply.map(0);
  return Status::ok();
}

Status kill(Call&) { return Status::error("NOTBUSY No scripts in execution right now."); }

Status help(Call& call) {
  return reply_help(call, {"FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "FLUSH [ASYNC|SYNC]", "    Removes all libraries.",
                           "KILL", "    Ends the running function.",
                           "LIST [LIBRARYNAME PATTERN] [WITHCODE]", "    The libraries.",
                           "STATS", "    The running function and the engines.",
                           "HELP", "    This text."});
}

constexpr Acl kScripting = Acl::slow | Acl::scripting;

constexpr auto kSubcommands = family({
    {.name = "FLUSH", .syntax = "[ASYNC | SYNC]", .summary = "Removes all libraries.",
     .since = "7.0.0", .complexity = "O(N) where N is the number of libraries",
     .group = "scripting", .arity = at_least(2), .flags = Flag::write | Flag::noscript,
     .acl = Acl::write | Acl::slow | Acl::scripting, .run = flush},
    {.name = "LIST", .syntax = "[LIBRARYNAME library-name-pattern] [WITHCODE]",
     .summary = "Lists the libraries.", .since = "7.0.0",
     .complexity = "O(N) where N is the number of libraries", .group = "scripting",
     .arity = at_least(2), .flags = Flag::noscript, .acl = Acl::slow | Acl::scripting,
     .run = list},
    {.name = "STATS", .syntax = "", .summary = "Tells the running function and the engines.",
     .since = "7.0.0", .complexity = "O(1)", .group = "scripting", .arity = exactly(2),
     .flags = Flag::noscript | Flag::allow_busy, .acl = kScripting, .run = stats},
    {.name = "KILL", .syntax = "", .summary = "Ends the running function.", .since = "7.0.0",
     .complexity = "O(1)", .group = "scripting", .arity = exactly(2),
     .flags = Flag::noscript | Flag::allow_busy, .acl = kScripting, .run = kill},
    help_card("scripting", "7.0.0", kScripting, help),
});

constexpr auto kFamily = family({
    {.name = "FUNCTION", .syntax = "", .summary = "A container for function commands.",
     .since = "7.0.0", .complexity = "Depends on subcommand.", .group = "scripting",
     .arity = at_least(2), .acl = Acl::slow, .subcommands = kSubcommands},
});

}  // namespace

std::span<const CommandSpec> function_commands() { return kFamily; }

}  // namespace larder
