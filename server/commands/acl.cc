// ACL of a server that has one user, "default", who may do everything and whose password is
// `requirepass`. What would make or change users is an unknown sub-command. Passwords are not
// told, not even as hashes.
// Source: https://redis.io/commands/?group=server
#include "server/commands/answers.h"
#include "server/commands/args.h"
#include "server/commands/command_docs.h"
#include "server/commands/families.h"

namespace larder {
namespace {

Status whoami(Call& call) {
  call.reply().bulk(call.session().user);
  return Status::ok();
}

Status users(Call& call) {
  call.reply().array(1);
  call.reply().bulk("default");
  return Status::ok();
}

Status cat(Call& call) {
  if (call.arg_count() > 3) {
    return Status::error("ERR wrong number of arguments for 'acl|cat' command");
  }
  if (call.arg_count() == 2) {
    call.reply().array(acl_names().size());
    for (const AclName& each : acl_names()) call.reply().bulk(each.name);
    return Status::ok();
  }
  const std::string wanted = lower_case(call.arg(2));
  for (const AclName& each : acl_names()) {
    if (each.name != wanted) continue;
    const size_t mark = call.reply().open();
    size_t count = 0;
    for (const auto& command : call.services().registry.all()) {
      if (!has(command->spec->acl, each.bit)) continue;
      call.reply().bulk(command->name);
      ++count;
    }
    call.reply().close_array(mark, count);
    return Status::ok();
  }
  return Status::error("ERR Unknown category '" + std::string(call.arg(2)) + "'");
}

Status list(Call& call) {
  const bool password = call.settings().password_set.load();
  call.reply().array(1);
  call.reply().bulk(password ? "user default on ~* &* +@all"
                             : "user default on nopass ~* &* +@all");
  return Status::ok();
}

Status getuser(Call& call) {
  ReplyWriter& reply = call.reply();
  if (call.arg(2) != "default") {
    reply.null();
    return Status::ok();
  }
  const bool password = call.settings().password_set.load();
  reply.map(6);
  reply.bulk("flags");
  reply.set(password ? 1 : 2);
  reply.bulk("on");
  if (!password) reply.bulk("nopass");
  reply.bulk("passwords");
  reply.array(0);
  reply.bulk("commands");
  reply.bulk("+@all");
  reply.bulk("keys");
  reply.bulk("~*");
  reply.bulk("channels");
  reply.bulk("&*");
  reply.bulk("selectors");
  reply.array(0);
  return Status::ok();
}

Status help(Call& call) {
  return reply_help(call, {"ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "CAT [<category>]", "    The categories, or the commands of one.",
                           "GETUSER <username>", "    What a user may do.",
                           "LIST", "    The users as lines of a configuration file.",
                           "USERS", "    The names of the users.",
                           "WHOAMI", "    The user of this connection.",
                           "HELP", "    This text."});
}

constexpr Flag kOpen = Flag::noscript | Flag::loading | Flag::stale;
constexpr Flag kAdmin = Flag::admin | kOpen;
constexpr Acl kAdminAcl = Acl::admin | Acl::slow | Acl::dangerous;

constexpr auto kSubcommands = family({
    {.name = "CAT", .syntax = "[category]", .summary = "Lists categories or their commands.",
     .since = "6.0.0", .complexity = "O(1)", .group = "server", .arity = at_least(2),
     .flags = kOpen, .acl = Acl::slow, .run = cat},
    {.name = "GETUSER", .syntax = "username", .summary = "Tells what a user may do.",
     .since = "6.0.0", .complexity = "O(1)", .group = "server", .arity = exactly(3),
     .flags = kAdmin, .acl = kAdminAcl, .run = getuser},
    {.name = "LIST", .syntax = "", .summary = "Lists the users with their rules.",
     .since = "6.0.0", .complexity = "O(N) where N is the number of users", .group = "server",
     .arity = exactly(2), .flags = kAdmin, .acl = kAdminAcl, .run = list},
    {.name = "USERS", .syntax = "", .summary = "Lists the names of the users.", .since = "6.0.0",
     .complexity = "O(N) where N is the number of users", .group = "server", .arity = exactly(2),
     .flags = kAdmin, .acl = kAdminAcl, .run = users},
    {.name = "WHOAMI", .syntax = "", .summary = "Tells the user of this connection.",
     .since = "6.0.0", .complexity = "O(1)", .group = "server", .arity = exactly(2),
     .flags = kOpen, .acl = Acl::slow, .run = whoami},
    help_card("server", "6.0.0", Acl::slow, help),
});

constexpr auto kFamily = family({
    container_card("ACL", "A container for commands about users.", "6.0.0", "server",
                   kSubcommands),
});

}  // namespace

std::span<const CommandSpec> acl_commands() { return kFamily; }

}  // namespace larder
