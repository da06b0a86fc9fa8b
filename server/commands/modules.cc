// MODULE of a server that loads none. Tools that list a server call it.
#include "server/commands/answers.h"
#include "server/commands/families.h"

namespace larder {
namespace {

Status no_modules(Call& call) {
  call.reply().array(0);
  return Status::ok();
}

Status module_help(Call& call) {
  return reply_help(call, {"MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "LIST", "    The loaded modules.", "HELP", "    This text."});
}

constexpr auto kModule = family({
    {.name = "LIST", .syntax = "", .summary = "Lists the loaded modules.", .since = "4.0.0",
     .complexity = "O(N) where N is the number of modules", .group = "server",
     .arity = exactly(2), .flags = Flag::admin | Flag::noscript,
     .acl = Acl::admin | Acl::slow | Acl::dangerous, .run = no_modules},
    help_card("server", "5.0.0", Acl::slow, module_help),
});

constexpr auto kFamily = family({
    container_card("MODULE", "A container for commands about modules.", "4.0.0", "server",
                   kModule),
});

}  // namespace

std::span<const CommandSpec> module_commands() { return kFamily; }

}  // namespace larder
