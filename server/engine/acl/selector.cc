#include "server/engine/acl/selector.h"

#include <algorithm>

#include "base/glob.h"

namespace larder {
namespace {

void append_word(std::string& text, Bytes word) {
  if (!text.empty()) text += ' ';
  text += word;
}

}  // namespace

void AclCommands::begin_with(bool allowed) {
  all_ = others_ = allowed;
  allowed_.clear();
  first_words_.clear();
  rules_.clear();
}

void AclCommands::put_bit(const Command& command, bool allowed) {
  if (allowed_.size() <= command.id) allowed_.resize(command.id + 1, others_);
  allowed_[command.id] = allowed;
  if (!allowed) all_ = false;
}

void AclCommands::put(const Command& command, bool allowed) {
  put_bit(command, allowed);
  first_words_.erase(command.id);
  for (const Command* sub : command.listed()) put_bit(*sub, allowed);
  note_rule(command.name, allowed);
}

// A container in the category takes its sub-commands along, whatever theirs are.
void AclCommands::put_category(const Registry& registry, Acl category, Bytes name, bool allowed) {
  for (const auto& command : registry.all()) {
    if (!has(command->spec->acl, category)) continue;
    put_bit(*command, allowed);
    first_words_.erase(command->id);
    for (const Command* sub : command->listed()) put_bit(*sub, allowed);
  }
  note_rule(name, allowed);
}

void AclCommands::allow_first_word(const Command& command, Bytes word) {
  std::vector<std::string>& words = first_words_[command.id];
  const std::string lower = lower_case(word);
  if (std::find(words.begin(), words.end(), lower) == words.end()) words.push_back(lower);
  note_rule(command.name + "|" + lower, true);
}

// A rule makes earlier ones about the same command or parts of it void.
void AclCommands::note_rule(Bytes name, bool allowed) {
  const std::string lower = lower_case(name);
  std::erase_if(rules_, [&](const std::string& rule) {
    const Bytes earlier = Bytes(rule).substr(1);
    return earlier.starts_with(lower) &&
           (earlier.size() == lower.size() || earlier[lower.size()] == '|');
  });
  rules_.push_back((allowed ? "+" : "-") + lower);
}

bool AclCommands::allows(const Command& command, std::span<const Bytes> args) const {
  if (all_) return true;
  if (command.id < allowed_.size() ? allowed_[command.id] : others_) return true;
  const auto found = first_words_.find(command.id);
  if (found == first_words_.end() || args.size() < 2) return false;
  const std::vector<std::string>& words = found->second;
  return std::find(words.begin(), words.end(), lower_case(args[1])) != words.end();
}

std::vector<std::string> AclCommands::words() const {
  std::vector<std::string> words{others_ ? "+@all" : "-@all"};
  words.insert(words.end(), rules_.begin(), rules_.end());
  return words;
}

std::string AclCommands::text() const {
  std::string text;
  for (const std::string& word : words()) append_word(text, word);
  return text;
}

std::string AclKeyPattern::text() const {
  // "~*" would be read back as "allkeys", behind which no more patterns may stand.
  const char* const both = glob == "*" ? "%RW~" : "~";
  return (read && write ? both : read ? "%R~" : "%W~") + glob;
}

bool AclSelector::allows_key(Bytes key, bool read, bool write) const {
  if (all_keys) return true;
  return std::any_of(keys.begin(), keys.end(), [&](const AclKeyPattern& pattern) {
    const bool enough = (pattern.read || !read) && (pattern.write || !write);
    return enough && glob_match(pattern.glob, key);
  });
}

bool AclSelector::allows_channel(Bytes name, bool is_pattern) const {
  if (all_channels) return true;
  return std::any_of(channels.begin(), channels.end(), [&](const std::string& pattern) {
    return is_pattern ? pattern == name : glob_match(pattern, name);
  });
}

std::string AclSelector::keys_text() const {
  if (all_keys) return "~*";
  std::string text;
  for (const AclKeyPattern& pattern : keys) append_word(text, pattern.text());
  return text;
}

std::string AclSelector::channels_text() const {
  if (all_channels) return "&*";
  std::string text;
  for (const std::string& channel : channels) append_word(text, "&" + channel);
  return text;
}

std::vector<std::string> AclSelector::words() const {
  std::vector<std::string> words;
  if (all_keys) words.emplace_back("~*");
  for (const AclKeyPattern& pattern : keys) words.push_back(pattern.text());
  words.emplace_back(all_channels ? "&*" : "resetchannels");
  for (const std::string& channel : channels) words.push_back("&" + channel);
  for (std::string& rule : commands.words()) words.push_back(std::move(rule));
  return words;
}

}  // namespace larder
