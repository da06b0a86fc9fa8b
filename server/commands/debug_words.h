// The words of DEBUG that look at no data; debug.cc lists all of them.
#pragma once

#include "server/commands/call.h"

namespace larder::debug {

// Why this client may not use DEBUG (`enable-debug-command`), or ok.
Status refusal(Call& call);

Status sleep(Call& call);
Status set_active_expire(Call& call);
Status pause_cron(Call& call);
Status deny_scripts(Call& call);
Status reply_buffer(Call& call);
Status packed_threshold(Call& call);
Status rewrite_all(Call& call);
Status accept_switch(Call& call);
Status replicate(Call& call);
Status change_repl_id(Call& call);
Status error(Call& call);
Status stringmatch_len(Call& call);
Status protocol(Call& call);

}  // namespace larder::debug
