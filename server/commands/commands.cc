// COMMAND: what the server knows of its own commands, printed from the cards.
// Source: https://redis.io/commands/command/ and its siblings
#include <string>
#include <vector>

#include "base/glob.h"
#include "server/commands/families.h"
#include "server/engine/answers.h"
#include "server/engine/args.h"
#include "server/engine/command_docs.h"
#include "server/engine/key_uses.h"

namespace larder {
namespace {

// By "name" or "container|sub".
const Command* find_full(const Registry& registry, Bytes name) {
  const size_t bar = name.find('|');
  const Command* command = registry.find(name.substr(0, bar));
  if (command == nullptr || bar == Bytes::npos) return command;
  return command->find_subcommand(name.substr(bar + 1));
}

Status all(Call& call) {
  const auto& commands = call.services().registry.commands();
  call.reply().array(commands.size());
  for (const Command* command : commands) write_command(call.reply(), *command);
  return Status::ok();
}

Status count(Call& call) {
  call.reply().integer(static_cast<int64_t>(call.services().registry.commands().size()));
  return Status::ok();
}

Status info(Call& call) {
  if (call.arg_count() == 2) return all(call);
  call.reply().array(call.arg_count() - 2);
  for (size_t i = 2; i < call.arg_count(); ++i) {
    const Command* command = find_full(call.services().registry, call.arg(i));
    command != nullptr ? write_command(call.reply(), *command) : call.reply().null();
  }
  return Status::ok();
}

Status docs(Call& call) {
  std::vector<const Command*> wanted;
  for (size_t i = 2; i < call.arg_count(); ++i) {
    if (const Command* command = find_full(call.services().registry, call.arg(i))) {
      wanted.push_back(command);
    }
  }
  if (call.arg_count() == 2) wanted = call.services().registry.commands();
  call.reply().map(wanted.size());
  for (const Command* command : wanted) write_docs(call.reply(), *command);
  return Status::ok();
}

using Filter = std::function<bool(const Command&)>;

Status list_filtered(Call& call, const Filter& takes) {
  std::vector<const Command*> found;
  for (const auto& command : call.services().registry.all()) {
    if (takes(*command)) found.push_back(command.get());
  }
  call.reply().array(found.size());
  for (const Command* command : found) call.reply().bulk(command->name);
  return Status::ok();
}

Status list(Call& call) {
  if (call.arg_count() == 2) return list_filtered(call, [](const Command&) { return true; });
  Args args(call);
  if (call.arg_count() != 5 || !args.take("FILTERBY")) return Status::error(errors::kSyntax);
  // There are no modules.
  if (args.take("MODULE")) return list_filtered(call, [](const Command&) { return false; });
  if (args.take("PATTERN")) {
    const Bytes pattern = args.bytes();
    return list_filtered(call, [pattern](const Command& command) {
      return glob_match(pattern, command.name, GlobCase::ignored);
    });
  }
  if (!args.take("ACLCAT")) return Status::error(errors::kSyntax);
  const std::string category = lower_case(args.bytes());
  Acl wanted = Acl::none;
  for (const AclName& each : acl_names()) {
    if (each.name == category) wanted = each.bit;
  }
  return list_filtered(call, [wanted](const Command& command) {
    return wanted != Acl::none && has(command.spec->acl, wanted);
  });
}

Status reply_keys(Call& call, bool with_flags) {
  const std::span<const Bytes> words = call.args().subspan(2);
  const Command* command = call.services().registry.find(words[0]);
  if (command != nullptr && !command->listed().empty() && words.size() > 1) {
    command = command->find_subcommand(words[1]);
  }
  if (command == nullptr) return Status::error("ERR Invalid command specified");
  if (!command->spec->keys.names_keys()) {
    return Status::error("ERR The command has no key arguments");
  }
  const char* const kUnfit = "ERR Invalid number of arguments specified for command";
  if (!command->takes(words.size())) return Status::error(kUnfit);
  std::vector<UsedKey> keys;
  if (!find_used_keys(*command->spec, words, keys)) {
    if (!has(command->spec->flags, Flag::no_mandatory_keys)) {
      return Status::error("ERR Invalid arguments specified for command");
    }
    keys.clear();
  }
  call.reply().array(keys.size());
  for (const UsedKey& key : keys) {
    if (with_flags) call.reply().array(2);
    call.reply().bulk(words[key.index]);
    if (with_flags) write_key_flags(call.reply(), key.use);
  }
  return Status::ok();
}

Status getkeys(Call& call) { return reply_keys(call, false); }
Status getkeysandflags(Call& call) { return reply_keys(call, true); }

Status help(Call& call) {
  return reply_help(call, {"COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "(no subcommand)", "    Every command with its facts.",
                           "COUNT", "    How many commands there are.",
                           "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
                           "    Their names.",
                           "INFO [<name> ...]", "    The facts of these or all commands.",
                           "DOCS [<name> ...]", "    What these or all commands do.",
                           "GETKEYS <command line>", "    The keys of a command line.",
                           "GETKEYSANDFLAGS <command line>",
                           "    The keys of a command line and what happens to them.",
                           "HELP", "    This text."});
}

constexpr Flag kFlags = Flag::loading | Flag::stale;
constexpr Acl kAcl = Acl::slow | Acl::connection;

constexpr CommandSpec sub(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                          Handler run) {
  return {.name = name, .syntax = syntax, .summary = summary, .since = since,
          .complexity = "O(N) where N is the number of commands", .group = "server",
          .arity = arity, .flags = kFlags, .acl = kAcl, .run = run};
}

constexpr auto kSubcommands = family({
    sub("COUNT", "", "Counts the commands.", "2.8.13", exactly(2), count),
    sub("INFO", "[command-name [command-name ...]]", "Tells the facts of commands.", "2.8.13",
        at_least(2), info),
    sub("DOCS", "[command-name [command-name ...]]", "Tells what commands do.", "7.0.0",
        at_least(2), docs),
    sub("LIST", "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
        "Lists the names of commands.", "7.0.0", at_least(2), list),
    sub("GETKEYS", "command [arg [arg ...]]", "Finds the keys of a command line.", "2.8.13",
        at_least(3), getkeys),
    sub("GETKEYSANDFLAGS", "command [arg [arg ...]]",
        "Finds the keys of a command line and what happens to them.", "7.0.0", at_least(3),
        getkeysandflags),
    help_card("server", "5.0.0", kAcl, help),
});

constexpr auto kFamily = family({
    {.name = "COMMAND", .syntax = "", .summary = "Tells the facts of all commands.",
     .since = "2.8.13", .complexity = "O(N) where N is the number of commands", .group = "server",
     .arity = at_least(1), .flags = kFlags, .acl = kAcl, .run = all,
     .subcommands = kSubcommands},
});

}  // namespace

std::span<const CommandSpec> command_commands() { return kFamily; }

}  // namespace larder
