// What EVAL and FCALL share: the number of keys, and what a script's flags allow.
#pragma once

#include "server/engine/call.h"
#include "server/scripting/engine.h"

namespace larder {

// Splits the arguments behind the third into keys and others. An error: they do not fit the count.
Status split_keys(Call& call, const char* not_a_number, ScriptJob& job);
// Checks what the flags say and runs it. `read_only`: the command is one of the _RO kind.
Status run_script(ScriptJob& job, bool read_only);

}  // namespace larder
