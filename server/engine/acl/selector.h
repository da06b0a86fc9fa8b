// What one selector of an ACL user allows: commands, keys and channels. A user has a root selector
// and may have more; a request passes when one of them allows all of it.
// Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "server/engine/registry.h"

namespace larder {

// A set of commands, and the rules that made it, in the order given and without those that a later
// rule made void: "+@all -@dangerous +get".
class AclCommands {
 public:
  void allow_all() { begin_with(true); }
  void deny_all() { begin_with(false); }
  // A command with its sub-commands, or one sub-command.
  void put(const Command& command, bool allowed);
  // All commands of a category.
  void put_category(const Registry& registry, Acl category, Bytes name, bool allowed);
  // `command` may be run with `word` as its first argument.
  void allow_first_word(const Command& command, Bytes word);

  bool allows(const Command& command, std::span<const Bytes> args) const;
  // Everything, without looking at the command.
  bool allows_all() const { return all_; }
  std::string text() const;
  std::vector<std::string> words() const;

 private:
  void begin_with(bool allowed);
  void put_bit(const Command& command, bool allowed);
  void note_rule(Bytes name, bool allowed);

  bool all_ = false;           // no command was taken out
  bool others_ = false;        // +@all: commands that have no bit yet are allowed
  std::vector<bool> allowed_;  // by Command::id
  std::map<uint32_t, std::vector<std::string>> first_words_;
  std::vector<std::string> rules_;  // in lower case, with their sign
};

struct AclKeyPattern {
  bool read = false;
  bool write = false;
  std::string glob;

  std::string text() const;  // "~glob", "%R~glob"
};

struct AclSelector {
  AclCommands commands;
  bool all_keys = false;
  std::vector<AclKeyPattern> keys;
  bool all_channels = false;
  std::vector<std::string> channels;

  bool unrestricted() const { return commands.allows_all() && all_keys && all_channels; }
  // What a command needs must be in one pattern.
  bool allows_key(Bytes key, bool read, bool write) const;
  // A pattern to subscribe to must be among the channels letter by letter.
  bool allows_channel(Bytes name, bool is_pattern) const;

  // As ACL GETUSER has them.
  std::string keys_text() const;
  std::string channels_text() const;
  // The rules that make it.
  std::vector<std::string> words() const;
};

}  // namespace larder
