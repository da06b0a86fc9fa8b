// What becomes of clients when users change: those of a deleted user are disconnected, and so are
// subscribers that listen to what they may not hear any more.
#pragma once

#include <functional>
#include <vector>

#include "server/engine/acl/access_control.h"
#include "server/engine/call.h"

namespace larder {

// Looks at every client, then answers. The own client gets its reply before it ends. Inside a
// transaction it answers at once.
void enforce(Call& call, std::vector<AccessControl::Change> changes,
             std::function<void(ReplyWriter&)> answer);

}  // namespace larder
