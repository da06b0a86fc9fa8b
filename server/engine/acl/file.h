// ACL files: one `user` line each. Reading checks every line before anything is taken over.
#pragma once

#include <string>
#include <vector>

#include "server/engine/acl/rules.h"

namespace larder {

struct AclFile {
  std::vector<AclUser> users;
  std::string errors;  // not empty: each mistake with its line
};

// `name` is for messages. Never fails otherwise, whatever the text; the entry of the fuzz target.
AclFile parse_acl_file(Bytes text, const std::string& name, const AclRules& rules);

}  // namespace larder
