// CLIENT sub-commands of client-side caching. Handlers of the family in clients.cc.
#pragma once

#include "server/engine/call.h"

namespace larder {

Status client_tracking(Call& call);
Status client_caching(Call& call);
Status client_trackinginfo(Call& call);
Status client_getredir(Call& call);

// Remembers the keys that the call's card names as read by its client, if it wants that. Under
// the locks of their shards, behind the handler.
void remember_reads(Call& call);
// Behind every command of a client with tracking: CLIENT CACHING holds for one, also if there is no
// such command (null).
void end_caching(Session& session, const Command* command);

}  // namespace larder
