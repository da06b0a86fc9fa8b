#include "server/engine/registry.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace larder {
namespace {

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// The letters of eight bytes in upper case, all at once: 0x80 marks a byte from 'a' to 'z'.
uint64_t upper_eight(uint64_t bytes) {
  constexpr uint64_t kEach = 0x0101'0101'0101'0101;
  const uint64_t low = bytes & 0x7f * kEach;
  const uint64_t from_a = low + (0x80 - 'a') * kEach;
  const uint64_t behind_z = low + (0x7f - 'z') * kEach;
  const uint64_t small = (from_a ^ behind_z) & ~bytes & 0x80 * kEach;
  return bytes - (small >> 2);
}

template <typename T>
uint64_t load_at(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// The first eight bytes in upper case; with the size they are the whole of a shorter name.
uint64_t first_letters(Bytes name) {
  const size_t size = std::min(name.size(), size_t{8});
  const char* const at = name.data();
  if (size >= 4) return upper_eight(load_at<uint32_t>(at) | load_at<uint32_t>(at + size - 4) << 32);
  if (size >= 2) return upper_eight(load_at<uint16_t>(at) | load_at<uint16_t>(at + size - 2) << 16);
  return size == 0 ? 0 : upper_eight(static_cast<unsigned char>(*at));
}

size_t first_slot(uint64_t letters, size_t size) {
  return (letters ^ size) * 0x9e37'79b9'7f4a'7c15 >> 54;
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

Registry::Registry() { static_assert(kSlots == 1 << 10, "first_slot gives ten bits"); }

Command* Registry::make(const CommandSpec& spec, const Command* parent) {
  CHECK(spec.run != nullptr || !spec.subcommands.empty());
  auto command = std::make_unique<Command>();
  command->spec = &spec;
  command->parent = parent;
  command->shown = &spec;
  command->shown_parent = parent != nullptr ? parent->spec : nullptr;
  command->id = static_cast<uint32_t>(all_.size());
  const KeySpec& keys = spec.keys;
  command->one_key = !has(spec.flags, Flag::whole_store) && keys.names_keys() &&
                     keys.count_at == 0 && keys.keyword.empty() && keys.last == keys.first &&
                     keys.also == nullptr;
  command->name = lower_case(spec.name);
  if (parent != nullptr && command->is_veiled_part()) {
    command->name = parent->name;
    command->id = parent->id;
    command->shown = parent->spec;
    command->shown_parent = nullptr;
    veiled_.push_back(std::move(command));
    return veiled_.back().get();
  }
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
    command->called = card.name;
    index(*command);
    for (const CommandSpec& sub : card.subcommands) {
      command->subcommands.push_back(make(sub, command));
    }
  }
}

void Registry::index(const Command& command) {
  const uint64_t letters = first_letters(command.called);
  size_t slot = first_slot(letters, command.called.size());
  while (slots_[slot].command != nullptr) slot = (slot + 1) % kSlots;
  slots_[slot] = {letters, &command};
}

bool Registry::rename(Bytes from, Bytes to) {
  const Command* found = find(from);
  if (found == nullptr || (!to.empty() && find(to) != nullptr)) return false;
  std::string& called = all_[found->id]->called;
  called = to;
  std::transform(called.begin(), called.end(), called.begin(), upper);
  slots_.fill({});
  for (const Command* command : top_) {
    if (!command->called.empty()) index(*command);
  }
  return true;
}

const Command* Registry::find(Bytes name) const {
  const uint64_t letters = first_letters(name);
  for (size_t slot = first_slot(letters, name.size()); slots_[slot].command != nullptr;
       slot = (slot + 1) % kSlots) {
    const auto& [known, command] = slots_[slot];
    if (known != letters || command->called.size() != name.size()) continue;
    if (name.size() <= sizeof letters || equals_upper(name, command->called)) return command;
  }
  return nullptr;
}

}  // namespace larder
