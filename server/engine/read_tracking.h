// What a command means for its own client's cache, see tracking.h.
#pragma once

namespace larder {

class Call;
struct Command;
struct Session;

// Remembers the keys that the call's card names as read by its client, if it wants that. Under
// the locks of their shards, behind the handler.
void remember_reads(Call& call);
// Behind every command of a client with tracking: CLIENT CACHING holds for one, also if there is no
// such command (null).
void end_caching(Session& session, const Command* command);

}  // namespace larder
