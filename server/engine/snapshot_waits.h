// What a running snapshot asks of commands that change keys; see storage/snapshot.h.
#pragma once

#include <span>

#include "server/engine/registry.h"
#include "server/engine/services.h"
#include "server/engine/session.h"

namespace larder {

// The command would change a big value that the snapshot is writing or has yet to write, or the
// snapshot can't keep up: the request comes again later. Without locks.
bool must_wait_for_snapshot(Store& store, const Session& session, const Command& command,
                            std::span<const Bytes> args);

// Has the values that the command may change written first. Under the locks of its keys' shards.
void write_ahead_of_changes(Store& store, unsigned db, const Command& command,
                            std::span<const Bytes> args);

}  // namespace larder
