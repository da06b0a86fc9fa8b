// What the files of Dispatcher share.
#pragma once

#include "server/engine/dispatcher.h"
#include "server/engine/read_tracking.h"
#include "server/engine/transactions.h"

namespace larder {

// How run_locked says that a script holds for long what the request needs.
inline constexpr char kHeldUp[] = "BUSY a script runs";
// EXEC will run one, or what may take as long.
inline bool runs_script(const Session& session) {
  if (!in_multi(session.transaction.get())) return false;
  for (const KeptRequest& request : session.transaction->queue) {
    if (has(request.command->spec->flags, Flag::script_turn | Flag::waits_in_turn)) return true;
  }
  return false;
}

// Client-side caching: what the client reads is to be noted. Of a script's keys, those that the
// commands it calls read.
inline bool remembers(Call& call) {
  const Flag flags = call.command().spec->flags;
  return call.session().tracking != nullptr && has(flags, Flag::readonly) &&
         !has(flags, Flag::script_turn);
}

// EXEC: MONITOR shows it behind what it runs.
inline bool runs_queue(const Request& request) {
  return has(request.command->spec->flags, Flag::runs_queue);
}

// Monitors see a script before what it calls, and everything else once it was run: SELECT with the
// database that it chose.
inline bool calls_others(const Request& request) {
  return has(request.command->spec->flags, Flag::script_turn);
}

}  // namespace larder
