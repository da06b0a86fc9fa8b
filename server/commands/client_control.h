// CLIENT sub-commands that look at or act on other connections: LIST, INFO, KILL, PAUSE, UNBLOCK.
// Handlers of the family in clients.cc.
#pragma once

#include "server/engine/status.h"

namespace larder {

class Call;

Status client_info(Call& call);
Status client_list(Call& call);
Status client_kill(Call& call);
Status client_pause(Call& call);
Status client_unpause(Call& call);
Status client_unblock(Call& call);

}  // namespace larder
