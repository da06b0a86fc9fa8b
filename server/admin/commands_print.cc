#include "server/admin/commands_print.h"

#include <map>
#include <vector>

#include "server/engine/registry.h"
#include "server/engine/syntax.h"

namespace larder {
namespace {

// A bar would end the cell.
std::string cell(Bytes text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string full_name(const Command& command) {
  const std::string own(command.spec->name);
  return command.parent == nullptr ? own : std::string(command.parent->spec->name) + " " + own;
}

std::string row(const Command& command) {
  const CommandSpec& card = *command.spec;
  const std::string syntax = full_name(command) + (card.syntax.empty() ? "" : " ");
  std::string text = "| `" + syntax + cell(readable(card.syntax)) + "` | " +
                     std::string(card.since) + " | " + cell(card.summary);
  if (!card.deprecated_since.empty()) {
    text += " Deprecated since " + std::string(card.deprecated_since) + ".";
  }
  return text + " |\n";
}

}  // namespace

std::string print_commands_docs(const Registry& registry) {
  // By group, and in it by name, so that a new command is one new line.
  std::map<std::string, std::map<std::string, const Command*>> groups;
  for (const auto& command : registry.all()) {
    if (!command->subcommands.empty()) continue;  // its sub-commands have lines of their own
    groups[std::string(command->spec->group)][full_name(*command)] = command.get();
  }
  std::string text =
      "# Commands\n\nPrinted by `larder-server --print-commands-docs` from the commands' cards. "
      "\"Since\" is the version of\nRedis that had the command first. What each answers is in "
      "`tests/conformance`.\n";
  for (const auto& [group, commands] : groups) {
    text += "\n## " + group + "\n\n";
    if (group == "cluster") text += "Known, but answered by an error: there is no cluster.\n\n";
    text += "| command | since | what it does |\n|---|---|---|\n";
    for (const auto& [name, command] : commands) text += row(*command);
  }
  return text;
}

}  // namespace larder
