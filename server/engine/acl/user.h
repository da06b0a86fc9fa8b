// An ACL user. Users that requests are checked against never change: a change makes a new one, and
// who holds the old one sees by the generation that it is old (see access_control.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/engine/acl/selector.h"

namespace larder {

inline constexpr Bytes kDefaultUser = "default";

struct AclUser {
  std::string name;
  // Stays when the user is changed; another one of the same name has another.
  uint64_t identity = 0;
  bool enabled = false;
  bool nopass = false;  // any password will do
  bool sanitize_payload = true;
  std::vector<std::string> passwords;  // SHA-256, hexadecimal
  AclSelector root;
  std::vector<AclSelector> selectors;  // beside the root

  // The fast path: nothing needs to be looked at.
  bool unrestricted() const { return root.unrestricted(); }
  bool takes_password(Bytes password) const;
  bool may_hear(Bytes channel, bool is_pattern) const;
  bool hears_all() const;

  std::vector<Bytes> flags() const;  // "on", "nopass", ...
  // A line of ACL LIST and of ACL files, from "user" on.
  std::string line() const;
  // The same for a configuration file, where quotes mean something.
  std::string config_line() const;

 private:
  std::vector<std::string> words() const;
};

}  // namespace larder
