#include "server/engine/acl/rules.h"

#include <algorithm>

#include "base/digest.h"
#include "base/quoting.h"
#include "server/engine/command_docs.h"

namespace larder {
namespace {

constexpr const char* kSyntax = "Syntax error";
constexpr const char* kBadHash =
    "The password hash must be exactly 64 characters and contain only lowercase hexadecimal "
    "characters";
constexpr const char* kNoPassword =
    "The password you are trying to remove from the user does not exist";
constexpr const char* kAfterAllKeys =
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have "
    "any effect. Try 'resetkeys' to start with an empty list of patterns";
constexpr const char* kAfterAllChannels =
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not "
    "have any effect. Try 'resetchannels' to start with an empty list of channels";
constexpr const char* kPartOfPart = "Allowing first-arg of a subcommand is not supported";

bool is_word(Bytes rule, Bytes upper) { return equals_upper(rule, upper); }

bool is_hash(Bytes text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void add_once(std::vector<std::string>& list, std::string text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(std::move(text));
}

// "R~", "W~" or "RW~" in front of a key pattern. False when it is something else. As in Redis an
// empty pattern, which the empty key alone matches, may go without the "~".
bool take_access(Bytes& rule, AclKeyPattern& pattern) {
  while (!rule.empty()) {
    const char c = rule.front();
    rule.remove_prefix(1);
    if (c == '~') return pattern.read || pattern.write;
    bool* const access = c == 'R' || c == 'r'   ? &pattern.read
                         : c == 'W' || c == 'w' ? &pattern.write
                                                : nullptr;
    if (access == nullptr || *access) return false;
    *access = true;
  }
  return pattern.read || pattern.write;
}

const char* add_key_pattern(AclSelector& selector, Bytes rule) {
  if (selector.all_keys) return kAfterAllKeys;
  const bool with_access = rule[0] == '%';
  AclKeyPattern pattern{.read = !with_access, .write = !with_access, .glob = {}};
  rule.remove_prefix(1);
  if (with_access && !take_access(rule, pattern)) return kSyntax;
  if (has_space_or_nul(rule)) return kSyntax;
  pattern.glob = rule;
  for (AclKeyPattern& each : selector.keys) {
    if (each.glob != pattern.glob) continue;
    each.read |= pattern.read;
    each.write |= pattern.write;
    return nullptr;
  }
  selector.keys.push_back(std::move(pattern));
  return nullptr;
}

const char* add_channel(AclSelector& selector, Bytes rule) {
  if (selector.all_channels) return kAfterAllChannels;
  if (has_space_or_nul(rule)) return kSyntax;
  add_once(selector.channels, std::string(rule.substr(1)));
  return nullptr;
}

void set_all_keys(AclSelector& selector, bool all) {
  selector.all_keys = all;
  selector.keys.clear();
}

void set_all_channels(AclSelector& selector, bool all) {
  selector.all_channels = all;
  selector.channels.clear();
}

// The rules that are one word. False for any other.
bool apply_flag(AclSelector& selector, Bytes rule) {
  if (is_word(rule, "ALLKEYS") || rule == "~*") {
    set_all_keys(selector, true);
  } else if (is_word(rule, "RESETKEYS")) {
    set_all_keys(selector, false);
  } else if (is_word(rule, "ALLCHANNELS") || rule == "&*") {
    set_all_channels(selector, true);
  } else if (is_word(rule, "RESETCHANNELS")) {
    set_all_channels(selector, false);
  } else if (is_word(rule, "ALLCOMMANDS") || is_word(rule, "+@ALL")) {
    selector.commands.allow_all();
  } else if (is_word(rule, "NOCOMMANDS") || is_word(rule, "-@ALL")) {
    selector.commands.deny_all();
  } else {
    return false;
  }
  return true;
}

bool apply_user_flag(AclUser& user, Bytes rule) {
  if (is_word(rule, "ON")) {
    user.enabled = true;
  } else if (is_word(rule, "OFF")) {
    user.enabled = false;
  } else if (is_word(rule, "NOPASS")) {
    user.nopass = true;
    user.passwords.clear();
  } else if (is_word(rule, "RESETPASS")) {
    user.nopass = false;
    user.passwords.clear();
  } else if (is_word(rule, "SKIP-SANITIZE-PAYLOAD")) {
    user.sanitize_payload = false;
  } else if (is_word(rule, "SANITIZE-PAYLOAD")) {
    user.sanitize_payload = true;
  } else if (is_word(rule, "CLEARSELECTORS")) {
    user.selectors.clear();
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool has_space_or_nul(Bytes text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return c == '\0' || c == ' ' || (c >= '\t' && c <= '\r'); });
}

MergedRules merge_selectors(std::span<const std::string> words) {
  MergedRules merged;
  bool open = false;
  for (const std::string& word : words) {
    const bool closes = word.ends_with(')');
    if (open) {
      merged.rules.back() += " " + word;
      open = !closes;
      continue;
    }
    open = word.starts_with('(') && !closes;
    if (open) merged.unmatched = word;
    merged.rules.push_back(word);
  }
  if (!open) merged.unmatched.clear();
  return merged;
}

AclSelector AclRules::fresh_selector() const {
  AclSelector selector;
  selector.all_channels = channels_open_;
  return selector;
}

AclUser AclRules::fresh_user(Bytes name) const {
  AclUser user;
  user.name = name;
  user.root = fresh_selector();
  return user;
}

const char* AclRules::apply(AclUser& user, Bytes rule) const {
  if (rule.empty() || apply_user_flag(user, rule)) return nullptr;
  if (is_word(rule, "RESET")) {
    AclUser fresh = fresh_user(user.name);
    fresh.identity = user.identity;
    user = std::move(fresh);
    return nullptr;
  }
  switch (rule[0]) {
    case '>':
    case '#':
    case '<':
    case '!':
      return apply_password(user, rule);
    case '(':
      if (rule.ends_with(')')) return add_selector(user, rule);
      [[fallthrough]];
    default:
      return apply(user.root, rule);
  }
}

const char* AclRules::apply_password(AclUser& user, Bytes rule) const {
  const bool adds = rule[0] == '>' || rule[0] == '#';
  const bool hashed = rule[0] == '#' || rule[0] == '!';
  const Bytes given = rule.substr(1);
  if (hashed && !is_hash(given)) return kBadHash;
  std::string hash = hashed ? std::string(given) : sha256_hex(given);
  if (adds) {
    add_once(user.passwords, std::move(hash));
    user.nopass = false;
    return nullptr;
  }
  return std::erase(user.passwords, hash) > 0 ? nullptr : kNoPassword;
}

const char* AclRules::add_selector(AclUser& user, Bytes rule) const {
  const auto words = split_line(rule.substr(1, rule.size() - 2));
  if (!words) return kSyntax;
  AclSelector selector = fresh_selector();
  for (const std::string& word : *words) {
    if (const char* error = apply(selector, word)) return error;
  }
  user.selectors.push_back(std::move(selector));
  return nullptr;
}

const char* AclRules::apply(AclSelector& selector, Bytes rule) const {
  if (rule.empty()) return kSyntax;
  if (apply_flag(selector, rule)) return nullptr;
  switch (rule[0]) {
    case '~':
    case '%':
      return add_key_pattern(selector, rule);
    case '&':
      return add_channel(selector, rule);
    case '+':
    case '-':
      return apply_command(selector, rule);
    default:
      return kSyntax;
  }
}

const char* AclRules::apply_command(AclSelector& selector, Bytes rule) const {
  const bool allowed = rule[0] == '+';
  const Bytes name = rule.substr(1);
  if (name.starts_with('@')) {
    const std::string category = lower_case(name.substr(1));
    for (const AclName& each : acl_names()) {
      if (each.name != category) continue;
      selector.commands.put_category(registry_, each.bit, name, allowed);
      return nullptr;
    }
    return kUnknownAclCommand;
  }
  if (allowed && name.find('|') != Bytes::npos) return allow_part(selector, name);
  const Command* command = find_command(name);
  if (command == nullptr) return kUnknownAclCommand;
  selector.commands.put(*command, allowed);
  return nullptr;
}

// "config|get" is a sub-command, "select|0" a command with its first argument.
const char* AclRules::allow_part(AclSelector& selector, Bytes name) const {
  const size_t bar = name.rfind('|');
  const Bytes part = name.substr(bar + 1);
  const Command* whole = find_command(name.substr(0, bar));
  if (whole == nullptr) return kUnknownAclCommand;
  if (whole->parent != nullptr) return kPartOfPart;
  if (part.empty()) return kSyntax;
  if (whole->listed().empty()) {
    selector.commands.allow_first_word(*whole, part);
    return nullptr;
  }
  const Command* command = whole->find_subcommand(part);
  if (command == nullptr) return kUnknownAclCommand;
  selector.commands.put(*command, true);
  return nullptr;
}

// By the name in Redis, whatever rename-command made of it.
const Command* AclRules::find_command(Bytes name) const {
  const size_t bar = name.find('|');
  for (const Command* command : registry_.commands()) {
    if (!equals_upper(name.substr(0, bar), command->spec->name)) continue;
    if (bar == Bytes::npos) return command;
    return command->listed().empty() ? nullptr : command->find_subcommand(name.substr(bar + 1));
  }
  return nullptr;
}

}  // namespace larder
