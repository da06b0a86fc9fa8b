// ACL: making, showing and trying users. The rules are in rules.cc, the checks in gate.cc.
// Source: https://redis.io/commands/?group=server
#include <sys/random.h>

#include <algorithm>

#include "base/clock.h"
#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/acl/check.h"
#include "server/engine/acl/clients.h"
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/command_docs.h"
#include "server/engine/wrong_words.h"

namespace larder {
namespace {

constexpr const char* kNoFile =
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users "
    "via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
    "configuration file set) in order to store users in the Redis configuration.";
constexpr int64_t kPasswordBitsMax = 4096;

AccessControl& access(Call& call) { return call.services().access; }

void reply_ok(ReplyWriter& reply) { reply.ok(); }

Status whoami(Call& call) {
  call.reply().bulk(call.session().user);
  return Status::ok();
}

Status users(Call& call) {
  const auto all = access(call).users();
  call.reply().array(all.size());
  for (const auto& user : all) call.reply().bulk(user->name);
  return Status::ok();
}

Status list(Call& call) {
  const auto all = access(call).users();
  call.reply().array(all.size());
  for (const auto& user : all) call.reply().bulk(user->line());
  return Status::ok();
}

Status cat(Call& call) {
  if (call.arg_count() > 3) return wrong_words(call);
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

void reply_selector(ReplyWriter& reply, const AclSelector& selector) {
  reply.bulk("commands");
  reply.bulk(selector.commands.text());
  reply.bulk("keys");
  reply.bulk(selector.keys_text());
  reply.bulk("channels");
  reply.bulk(selector.channels_text());
}

Status getuser(Call& call) {
  ReplyWriter& reply = call.reply();
  const auto user = access(call).find(call.arg(2));
  if (user == nullptr) {
    reply.null();
    return Status::ok();
  }
  reply.map(6);
  reply.bulk("flags");
  const auto flags = user->flags();
  reply.set(flags.size());
  for (const Bytes flag : flags) reply.bulk(flag);
  reply.bulk("passwords");
  reply.array(user->passwords.size());
  for (const std::string& hash : user->passwords) reply.bulk(hash);
  reply_selector(reply, user->root);
  reply.bulk("selectors");
  reply.array(user->selectors.size());
  for (const AclSelector& selector : user->selectors) {
    reply.map(3);
    reply_selector(reply, selector);
  }
  return Status::ok();
}

Status setuser(Call& call) {
  const std::vector<std::string> rules(call.args().begin() + 3, call.args().end());
  AccessControl::Outcome outcome = access(call).set_user(call.arg(2), rules);
  if (!outcome.error.empty()) return Status::error(std::move(outcome.error));
  enforce(call, {std::move(outcome.change)}, reply_ok);
  return Status::ok();
}

Status deluser(Call& call) {
  const auto names = call.args().subspan(2);
  if (std::find(names.begin(), names.end(), kDefaultUser) != names.end()) {
    return Status::error("ERR The 'default' user cannot be removed");
  }
  std::vector<AccessControl::Change> changes;
  for (const Bytes name : names) {
    if (auto user = access(call).remove(name)) changes.push_back({std::move(user), nullptr});
  }
  const auto count = static_cast<int64_t>(changes.size());
  enforce(call, std::move(changes), [count](ReplyWriter& reply) { reply.integer(count); });
  return Status::ok();
}

Status genpass(Call& call) {
  if (call.arg_count() > 3) return wrong_words(call);
  int64_t bits = 256;
  if (call.arg_count() == 3) {
    const auto given = parse_int64(call.arg(2));
    if (!given) return Status::error(errors::kNotInteger);
    bits = *given;
  }
  if (bits <= 0 || bits > kPasswordBitsMax) {
    return Status::error(
        "ERR ACL GENPASS argument must be the number of bits for the output password, a positive "
        "number up to 4096");
  }
  const auto digits = static_cast<size_t>((bits + 3) / 4);
  std::string random((digits + 1) / 2, '\0');
  for (size_t got = 0; got < random.size();) {  // up to 256 bytes come whole
    const ssize_t more = ::getrandom(random.data() + got, random.size() - got, 0);
    if (more > 0) got += static_cast<size_t>(more);
  }
  std::string text;
  for (const char byte : random) {
    for (const int shift : {4, 0}) text += "0123456789abcdef"[byte >> shift & 15];
  }
  call.reply().bulk(Bytes(text).substr(0, digits));
  return Status::ok();
}

// The words of a call without the container's name for one that has sub-commands.
const Command* find_called(const Registry& registry, std::span<const Bytes> words) {
  const Command* command = registry.find(words[0]);
  if (command == nullptr || command->listed().empty() || words.size() < 2) return command;
  return command->find_subcommand(words[1]);
}

Status dryrun(Call& call) {
  const auto user = access(call).find(call.arg(2));
  if (user == nullptr) {
    return Status::error("ERR User '" + std::string(call.arg(2)) + "' not found");
  }
  const auto words = call.args().subspan(3);
  const Command* command = find_called(call.services().registry, words);
  if (command == nullptr) {
    return Status::error("ERR Command '" + std::string(words[0]) + "' not found");
  }
  if (!command->takes(words.size())) {
    return Status::error("ERR wrong number of arguments for '" + command->name + "' command");
  }
  const AclVerdict verdict = check_acl(*user, *command, words);
  if (verdict.allowed()) {
    call.reply().ok();
  } else {
    call.reply().bulk(denial_text(verdict, user->name, *command, words, true));
  }
  return Status::ok();
}

Bytes text_of(AclReason reason) {
  switch (reason) {
    case AclReason::command:
      return "command";
    case AclReason::key:
      return "key";
    case AclReason::channel:
      return "channel";
    case AclReason::auth:
      return "auth";
    case AclReason::none:
      break;
  }
  return "unknown";
}

Bytes text_of(AclContext context) {
  switch (context) {
    case AclContext::toplevel:
      return "toplevel";
    case AclContext::multi:
      return "multi";
    case AclContext::lua:
      return "lua";
  }
  return "unknown";
}

void reply_entry(ReplyWriter& reply, const AclLog::Entry& entry, int64_t now_ms) {
  const auto text = [&reply](Bytes name, Bytes value) {
    reply.bulk(name);
    reply.bulk(value);
  };
  const auto number = [&reply](Bytes name, int64_t value) {
    reply.bulk(name);
    reply.integer(value);
  };
  reply.map(10);
  number("count", static_cast<int64_t>(entry.count));
  text("reason", text_of(entry.denial.reason));
  text("context", text_of(entry.denial.context));
  text("object", entry.denial.object);
  text("username", entry.denial.user);
  reply.bulk("age-seconds");
  reply.number(static_cast<double>(now_ms - entry.updated_ms) / 1000);
  text("client-info", entry.denial.client_info);
  number("entry-id", static_cast<int64_t>(entry.id));
  number("timestamp-created", entry.created_ms);
  number("timestamp-last-updated", entry.updated_ms);
}

Status log(Call& call) {
  if (call.arg_count() > 3) return wrong_words(call);
  if (call.arg_count() == 3 && equals_upper(call.arg(2), "RESET")) {
    access(call).log.reset();
    call.reply().ok();
    return Status::ok();
  }
  int64_t count = 10;
  if (call.arg_count() == 3) {
    const auto given = parse_int64(call.arg(2));
    if (!given) return Status::error(errors::kNotInteger);
    count = std::max<int64_t>(*given, 0);
  }
  const int64_t now_ms = unix_ms();
  const auto entries = access(call).log.newest(static_cast<size_t>(count));
  call.reply().array(entries.size());
  for (const AclLog::Entry& entry : entries) reply_entry(call.reply(), entry, now_ms);
  return Status::ok();
}

Status load(Call& call) {
  if (access(call).file.empty()) return Status::error(kNoFile);
  std::vector<AccessControl::Change> changes;
  const std::string error = access(call).load(&changes);
  if (!error.empty()) return Status::error("ERR " + error);
  enforce(call, std::move(changes), reply_ok);
  return Status::ok();
}

Status save(Call& call) {
  if (access(call).file.empty()) return Status::error(kNoFile);
  if (!access(call).save().empty()) {
    return Status::error(
        "ERR There was an error trying to save the ACLs. Please check the server logs for more "
        "information");
  }
  call.reply().ok();
  return Status::ok();
}

Status help(Call& call) {
  return reply_help(call, {"ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "CAT [<category>]",
                           "    The categories, or the commands of one.",
                           "DELUSER <username> [<username> ...]",
                           "    Removes users and their connections.",
                           "DRYRUN <username> <command> [<arg> ...]",
                           "    Whether a user could run a command.",
                           "GETUSER <username>",
                           "    What a user may do.",
                           "GENPASS [<bits>]",
                           "    A random password of so many bits, 256 when not said.",
                           "LIST",
                           "    The users as lines of a configuration file.",
                           "LOAD",
                           "    Takes the users from the ACL file.",
                           "LOG [<count> | RESET]",
                           "    What was denied lately.",
                           "SAVE",
                           "    Writes the users into the ACL file.",
                           "SETUSER <username> <rule> [<rule> ...]",
                           "    Makes or changes a user.",
                           "USERS",
                           "    The names of the users.",
                           "WHOAMI",
                           "    The user of this connection.",
                           "HELP",
                           "    This text."});
}

constexpr Flag kOpen = Flag::noscript | Flag::loading | Flag::stale;
constexpr Acl kAdmin = Acl::admin | Acl::slow | Acl::dangerous;

constexpr CommandSpec open_card(Bytes name, Bytes syntax, Bytes summary, Bytes since,
                                Bytes complexity, int arity, Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = complexity,
          .group = "server",
          .arity = arity,
          .flags = kOpen,
          .acl = Acl::slow,
          .run = run};
}

constexpr CommandSpec admin_card(Bytes name, Bytes syntax, Bytes summary, Bytes since,
                                 Bytes complexity, int arity, Handler run) {
  CommandSpec card = open_card(name, syntax, summary, since, complexity, arity, run);
  card.flags = kOpen | Flag::admin;
  card.acl = kAdmin;
  return card;
}

constexpr Bytes kByUsers = "O(N) where N is the number of configured users";

constexpr auto kSubcommands = family({
    open_card("CAT", "[category]", "Lists categories or their commands.", "6.0.0", "O(1)",
              at_least(2), cat),
    admin_card("DELUSER", "username [username ...]", "Removes users and their connections.",
               "6.0.0", "O(1) amortized time considering the typical user", at_least(3), deluser),
    admin_card("DRYRUN", "username command [arg [arg ...]]",
               "Tells whether a user could run a command.", "7.0.0", "O(1)", at_least(4), dryrun),
    open_card("GENPASS", "[bits]", "Makes a random password.", "6.0.0", "O(1)", at_least(2),
              genpass),
    admin_card("GETUSER", "username", "Tells what a user may do.", "6.0.0",
               "O(N) where N is the number of password, command and pattern rules", exactly(3),
               getuser),
    admin_card("LIST", "", "Lists the users with their rules.", "6.0.0", kByUsers, exactly(2),
               list),
    admin_card("LOAD", "", "Takes the users from the ACL file.", "6.0.0", kByUsers, exactly(2),
               load),
    admin_card("LOG", "[count | RESET]", "Lists or forgets what was denied.", "6.0.0",
               "O(N) with N being the number of entries shown", at_least(2), log),
    admin_card("SAVE", "", "Writes the users into the ACL file.", "6.0.0", kByUsers, exactly(2),
               save),
    admin_card("SETUSER", "username [rule [rule ...]]", "Makes or changes a user.", "6.0.0",
               "O(N) where N is the number of rules provided", at_least(3), setuser),
    admin_card("USERS", "", "Lists the names of the users.", "6.0.0", kByUsers, exactly(2), users),
    open_card("WHOAMI", "", "Tells the user of this connection.", "6.0.0", "O(1)", exactly(2),
              whoami),
    help_card("server", "6.0.0", Acl::slow, help),
});

constexpr auto kFamily = family({
    container_card("ACL", "A container for commands about users.", "6.0.0", "server", kSubcommands),
});

}  // namespace

std::span<const CommandSpec> acl_commands() { return kFamily; }

}  // namespace larder
