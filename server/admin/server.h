// Puts the rooms together, serves until a signal, takes them apart again.
#pragma once

#include "server/admin/config_load.h"

namespace larder {

// Returns the exit code. What goes wrong at the start is one line on stderr and in the log.
int serve(LoadedOptions loaded);

}  // namespace larder
