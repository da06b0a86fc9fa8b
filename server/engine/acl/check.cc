#include "server/engine/acl/check.h"

#include <algorithm>
#include <vector>

#include "server/engine/key_uses.h"

namespace larder {
namespace {

// What a key's use needs. Commands that only look whether something is there need neither.
struct Needs {
  bool read = false;
  bool write = false;
};

Needs needs_of(KeyUse use) {
  switch (use) {
    case KeyUse::read_only_access:
    case KeyUse::read_write_access:
      return {true, false};
    case KeyUse::read_write_access_update:
    case KeyUse::read_write_access_delete:
    case KeyUse::read_write_access_insert:
      return {true, true};
    case KeyUse::overwrite_update:
    case KeyUse::overwrite_insert:
    case KeyUse::remove_delete:
    case KeyUse::read_write_delete:
    case KeyUse::read_write_insert:
    case KeyUse::read_write_update:
      return {false, true};
    case KeyUse::read_only:
    case KeyUse::overwrite:
    case KeyUse::none:
      break;
  }
  return {};
}

// One call, looked at by several selectors.
class Check {
 public:
  Check(const Command& command, std::span<const Bytes> args) : command_(command), args_(args) {
    // Arguments that don't fit name no keys: the command will refuse them.
    if (!find_used_keys(*command.spec, args, keys_)) keys_.clear();
  }

  AclVerdict by(const AclSelector& selector) const {
    const bool open = has(command_.spec->flags, Flag::no_auth);
    if (!open && !selector.commands.allows(command_, args_)) return {AclReason::command, 0};
    for (const UsedKey& key : keys_) {
      const Needs needs = needs_of(key.use);
      if (selector.allows_key(args_[key.index], needs.read, needs.write)) continue;
      return {AclReason::key, key.index};
    }
    return channels_by(selector);
  }

 private:
  AclVerdict channels_by(const AclSelector& selector) const {
    const ChannelUse use = command_.spec->channels;
    if (use == ChannelUse::none) return {};
    const size_t end =
        use == ChannelUse::publish ? std::min<size_t>(2, args_.size()) : args_.size();
    for (size_t i = 1; i < end; ++i) {
      if (!selector.allows_channel(args_[i], use == ChannelUse::listen_to_patterns)) {
        return {AclReason::channel, i};
      }
    }
    return {};
  }

  const Command& command_;
  const std::span<const Bytes> args_;
  std::vector<UsedKey> keys_;
};

bool reads_all_keys(const AclSelector& selector) {
  return selector.all_keys ||
         std::any_of(selector.keys.begin(), selector.keys.end(),
                     [](const AclKeyPattern& each) { return each.read && each.glob == "*"; });
}

}  // namespace

AclVerdict check_acl(const AclUser& user, const Command& command, std::span<const Bytes> args) {
  if (user.unrestricted()) return {};
  const Check check(command, args);
  AclVerdict worst = check.by(user.root);
  for (const AclSelector& selector : user.selectors) {
    if (worst.allowed()) break;
    const AclVerdict verdict = check.by(selector);
    const bool tells_more = verdict.denied > worst.denied ||
                            (verdict.denied == worst.denied && verdict.argument > worst.argument);
    if (verdict.allowed() || tells_more) worst = verdict;
  }
  return worst;
}

bool may_read_all_keys(const AclUser& user, const Command& command, std::span<const Bytes> args) {
  const Check check(command, args);
  const auto enough = [&](const AclSelector& selector) {
    return reads_all_keys(selector) && check.by(selector).allowed();
  };
  return enough(user.root) || std::any_of(user.selectors.begin(), user.selectors.end(), enough);
}

std::string denial_text(const AclVerdict& verdict, Bytes user, const Command& command,
                        std::span<const Bytes> args, bool detailed) {
  const std::string subject = "User " + std::string(user) + " has no permissions to ";
  if (verdict.denied == AclReason::command)
    return subject + "run the '" + command.name + "' command";
  const std::string what = verdict.denied == AclReason::key ? "key" : "channel";
  if (!detailed) return "No permissions to access a " + what;
  return subject + "access the '" + std::string(args[verdict.argument]) + "' " + what;
}

}  // namespace larder
