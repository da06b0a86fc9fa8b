// FUNCTION of a server that runs no scripts: there are no libraries to list, flushing them is done
// at once, and loading one is refused as an unknown sub-command. Tools that clean a server call it.
// Source: https://redis.io/commands/?group=scripting
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
});

constexpr auto kFamily = family({
    {.name = "FUNCTION", .syntax = "", .summary = "A container for function commands.",
     .since = "7.0.0", .complexity = "Depends on subcommand.", .group = "scripting",
     .arity = at_least(2), .acl = Acl::slow, .subcommands = kSubcommands},
});

}  // namespace

std::span<const CommandSpec> function_commands() { return kFamily; }

}  // namespace larder
