// Any text as an ACL file: it is taken or refused with its lines; what was taken decides about any
// request, and printed it means the same.
#include <vector>

#include "base/check.h"
#include "server/admin/all_commands.h"
#include "server/engine/acl/check.h"
#include "server/engine/acl/file.h"
#include "tests/fuzz/input.h"

namespace larder {
namespace {

const Registry& registry() {
  static const Registry filled = [] {
    Registry fresh;
    add_all_commands(fresh);
    return fresh;
  }();
  return filled;
}

void check_decisions(const AclUser& user, const AclUser& again) {
  const std::vector<Bytes> args{"x", "a", "1", "b", "c"};
  for (const auto& command : registry().all()) {
    if (command->id % 7 != 0) continue;
    const AclVerdict verdict = check_acl(user, *command, args);
    CHECK(verdict.denied == check_acl(again, *command, args).denied);
    if (!verdict.allowed()) CHECK(!denial_text(verdict, user.name, *command, args, true).empty());
    (void)may_read_all_keys(user, *command, args);
  }
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace larder;
  FuzzInput input(data, size);
  const AclRules rules(registry(), input.byte() % 2 == 1);
  const AclFile file = parse_acl_file(input.rest(), "fuzz.acl", rules);
  if (!file.errors.empty()) return 0;
  for (const AclUser& user : file.users) {
    const AclFile again = parse_acl_file(user.line(), "again", rules);
    CHECK(again.errors.empty() && again.users.size() == 1);
    CHECK(again.users[0].line() == user.line());
    check_decisions(user, again.users[0]);
  }
  return 0;
}
