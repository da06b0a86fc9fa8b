// CLIENT sub-commands of client-side caching. Handlers of the family in clients.cc.
#pragma once

#include "server/engine/call.h"

namespace larder {

Status client_tracking(Call& call);
Status client_caching(Call& call);
Status client_trackinginfo(Call& call);
Status client_getredir(Call& call);

}  // namespace larder
