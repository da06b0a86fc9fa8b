// Whether a user may run a command with its arguments. No locks, no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "server/engine/acl/user.h"

namespace larder {

// In the order in which they matter: when several selectors refuse, the last reason is told.
enum class AclReason : uint8_t { none, command, key, auth, channel };

struct [[nodiscard]] AclVerdict {
  AclReason denied = AclReason::none;
  size_t argument = 0;  // the key or channel that is out of bounds

  bool allowed() const { return denied == AclReason::none; }
};

AclVerdict check_acl(const AclUser& user, const Command& command, std::span<const Bytes> args);

// Whether the user may read any key with this command: SORT reads keys that its arguments don't
// name.
bool may_read_all_keys(const AclUser& user, const Command& command, std::span<const Bytes> args);

// "User joe has no permissions to run the 'get' command". `detailed` names the key or channel too.
std::string denial_text(const AclVerdict& verdict, Bytes user, const Command& command,
                        std::span<const Bytes> args, bool detailed = false);

}  // namespace larder
