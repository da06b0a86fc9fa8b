#include "server/commands/registry.h"

#include <algorithm>

#include "base/check.h"

namespace larder {
namespace {

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Of the name in either case.
size_t hash_name(Bytes name) {
  uint32_t hash = static_cast<uint32_t>(name.size());
  for (const char c : name) hash = hash * 31 + static_cast<unsigned char>(c & 0xdf);
  return hash ^ hash >> 15;
}

}  // namespace

std::string lower_case(Bytes text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

bool equals_upper(Bytes text, Bytes upper_text) {
  if (text.size() != upper_text.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (upper(text[i]) != upper_text[i]) return false;
  }
  return true;
}

const Command* Command::find_subcommand(Bytes word) const {
  for (const Command* command : subcommands) {
    if (equals_upper(word, command->spec->name)) return command;
  }
  return nullptr;
}

Registry::Registry() = default;

Command* Registry::make(const CommandSpec& spec, const Command* parent) {
  CHECK(spec.run != nullptr || !spec.subcommands.empty());
  auto command = std::make_unique<Command>();
  command->spec = &spec;
  command->parent = parent;
  command->id = static_cast<uint32_t>(all_.size());
  command->name = lower_case(spec.name);
  if (parent != nullptr) command->name = parent->name + "|" + command->name;
  all_.push_back(std::move(command));
  return all_.back().get();
}

void Registry::add(std::span<const CommandSpec> cards) {
  for (const CommandSpec& card : cards) {
    CHECK(find(card.name) == nullptr);
    CHECK(top_.size() < kSlots / 2);
    Command* command = make(card, nullptr);
    top_.push_back(command);
    size_t slot = hash_name(card.name) % kSlots;
    while (slots_[slot] != nullptr) slot = (slot + 1) % kSlots;
    slots_[slot] = command;
    for (const CommandSpec& sub : card.subcommands) {
      command->subcommands.push_back(make(sub, command));
    }
  }
}

const Command* Registry::find(Bytes name) const {
  for (size_t slot = hash_name(name) % kSlots; slots_[slot] != nullptr;
       slot = (slot + 1) % kSlots) {
    if (equals_upper(name, slots_[slot]->spec->name)) return slots_[slot];
  }
  return nullptr;
}

}  // namespace larder
