// The language of ACL rules: what ACL SETUSER, ACL files and `user` lines say about a user.
//
//   on off nopass resetpass >password <password #hash !hash sanitize-payload reset
//   +command +command|part -command +@category ~key %R~key &channel allkeys resetchannels ...
//   (+get ~key*) clearselectors
// Source: https://redis.io/docs/latest/commands/acl-setuser/
#pragma once

#include <span>
#include <string>
#include <vector>

#include "server/engine/acl/user.h"

namespace larder {

// The one mistake whose rule may be shown: it can't hold a secret.
inline constexpr const char* kUnknownAclCommand = "Unknown command or category name in ACL";

class AclRules {
 public:
  // `channels_open`: new users and selectors hear everything (acl-pubsub-default allchannels).
  AclRules(const Registry& registry, bool channels_open)
      : registry_(registry), channels_open_(channels_open) {}

  // May do nothing, and is disabled.
  AclUser fresh_user(Bytes name) const;
  // Changes `user` as one rule says. Returns what is wrong with it, or null; then it may have
  // changed half of it.
  const char* apply(AclUser& user, Bytes rule) const;

 private:
  AclSelector fresh_selector() const;
  const char* apply_password(AclUser& user, Bytes rule) const;
  const char* add_selector(AclUser& user, Bytes rule) const;
  const char* apply(AclSelector& selector, Bytes rule) const;
  const char* apply_command(AclSelector& selector, Bytes rule) const;
  const char* allow_part(AclSelector& selector, Bytes name) const;
  const Command* find_command(Bytes name) const;

  const Registry& registry_;
  const bool channels_open_;
};

// A selector may be spread over several words: "(+get", "~key)".
struct MergedRules {
  std::vector<std::string> rules;
  std::string unmatched;  // not empty: the word with a parenthesis that is never closed
};
MergedRules merge_selectors(std::span<const std::string> words);

// Spaces and NULs would make lines that say something else.
bool has_space_or_nul(Bytes text);

}  // namespace larder
