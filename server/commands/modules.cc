// MODULE of a server that loads none. Tools that list a server call it.
#include "server/commands/families.h"
#include "server/engine/answers.h"
#include "server/engine/errors.h"

namespace larder {
namespace {

Status no_modules(Call& call) {
  call.reply().array(0);
  return Status::ok();
}

bool is_allowed(Call& call) {
  const auto who = call.services().configuration.value("enable-module-command").value_or("no");
  return who == "yes" || (who == "local" && call.session().from_loopback);
}

Status refused(Call& call, const char* reason) {
  if (is_allowed(call)) return Status::error(reason);
  return Status::error(errors::not_allowed("MODULE", "enable-module-command"));
}

Status load(Call& call) {
  return refused(call, "ERR Error loading the extension. Please check the server logs.");
}

Status unload(Call& call) {
  return refused(call, "ERR Error unloading module: no such module with that name");
}

Status module_help(Call& call) {
  return reply_help(call, {"MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "LIST", "    The loaded modules.",
                           "LOAD <path> [<arg> ...]", "    Fails: this server loads none.",
                           "LOADEX <path> [CONFIG <name> <value> ...] [ARGS <arg> ...]",
                           "    The same.",
                           "UNLOAD <name>", "    Fails: there is none.",
                           "HELP", "    This text."});
}

constexpr Flag kFlags = Flag::admin | Flag::noscript;

constexpr CommandSpec part(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                           Flag flags, Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = since,
          .complexity = name == "LIST" ? "O(N) where N is the number of modules" : "O(1)",
          .group = "server", .arity = arity, .flags = flags,
          .acl = Acl::admin | Acl::slow | Acl::dangerous, .run = run};
}

constexpr Flag kChange = kFlags | Flag::no_async_loading;

constexpr auto kModule = family({
    part("LIST", "", "Lists the loaded modules.", "4.0.0", exactly(2), kFlags, no_modules),
    part("LOAD", "path [arg [arg ...]]", "Would load a module.", "4.0.0", at_least(3), kChange,
         load),
    part("LOADEX", "path [CONFIG name value [CONFIG name value ...]] [ARGS arg [arg ...]]",
         "Would load a module and configure it.", "7.0.0", at_least(3), kChange, load),
    part("UNLOAD", "name", "Would unload a module.", "4.0.0", exactly(3), kChange, unload),
    help_card("server", "5.0.0", Acl::slow, module_help),
});

constexpr auto kFamily = family({
    container_card("MODULE", "A container for commands about modules.", "4.0.0", "server",
                   kModule),
});

}  // namespace

std::span<const CommandSpec> module_commands() { return kFamily; }

}  // namespace larder
