// All commands by name. Built once at the start from the families' lists
// (server/admin/all_commands.cc), then only read.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "server/engine/spec.h"

namespace larder {

// A card with what the registry adds to it.
struct Command {
  const CommandSpec* spec = nullptr;
  const Command* parent = nullptr;  // the container of a sub-command
  uint32_t id = 0;                  // index into WorkerStats::commands
  bool one_key = false;             // the card names exactly one key
  std::string name;                 // lower case, sub-commands as "client|list"
  std::string called;               // upper case, how requests name it
  std::vector<const Command*> subcommands;
  // What CLIENT LIST names as the last command: its card and its container's or null.
  const CommandSpec* shown = nullptr;
  const CommandSpec* shown_parent = nullptr;

  bool is_veiled_part() const { return parent != nullptr && parent->spec->veiled; }
  // Those that COMMAND tells of.
  std::span<const Command* const> listed() const {
    return spec->veiled ? std::span<const Command* const>{} : subcommands;
  }

  // The words of a call must match the arity of the card.
  bool takes(size_t words) const {
    const int arity = spec->arity;
    return arity >= 0 ? words == static_cast<size_t>(arity) : words >= static_cast<size_t>(-arity);
  }
  const Command* find_subcommand(Bytes word) const;
};

class Registry {
 public:
  Registry();
  // Adds a family's cards. A name twice is our bug.
  void add(std::span<const CommandSpec> cards);

  // rename-command: from now on requests call `from` by the name `to`; by none when that is empty.
  // False when there is no such command or `to` is taken.
  bool rename(Bytes from, Bytes to);

  // By name in any case; null when unknown.
  const Command* find(Bytes name) const;
  // Top-level commands in the order they were added.
  const std::vector<const Command*>& commands() const { return top_; }
  // All but the parts of veiled containers; index is the id.
  const std::vector<std::unique_ptr<Command>>& all() const { return all_; }

 private:
  static constexpr size_t kSlots = 1024;  // several times the number of commands
  struct Slot {
    uint64_t letters = 0;  // the name's first eight, to tell most names without looking at them
    const Command* command = nullptr;
  };
  void index(const Command& command);
  Command* make(const CommandSpec& spec, const Command* parent);

  std::vector<std::unique_ptr<Command>> all_;
  std::vector<std::unique_ptr<Command>> veiled_;
  std::vector<const Command*> top_;
  std::array<Slot, kSlots> slots_{};  // open addressing by name
};

// Compares ASCII without case; `upper` is in upper case.
bool equals_upper(Bytes text, Bytes upper);
std::string lower_case(Bytes text);

}  // namespace larder
