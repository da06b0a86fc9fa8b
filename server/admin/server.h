// Puts the rooms together, serves until a signal, takes them apart again.
#pragma once

#include <string>

#include "server/admin/config_load.h"
#include "server/admin/process_title.h"

namespace larder {

// What would keep serve() from starting, as far as that can be told without sockets and data: the
// folder, renamed commands, users, certificates. Nothing when all is well. Works in `dir` then.
std::string check(LoadedOptions loaded);

// Returns the exit code. What goes wrong at the start is one line on stderr and in the log.
int serve(LoadedOptions loaded, ProcessTitle& title);

}  // namespace larder
