// Words of DEBUG: those that look at no data (debug_words.cc) and at tables (debug_tables.cc).
// debug.cc lists all of them.
#pragma once

#include "server/engine/call.h"

namespace larder::debug {

// Why this client may not use DEBUG (`enable-debug-command`), or ok.
Status refusal(Call& call);

Status sleep(Call& call);
Status set_active_expire(Call& call);
Status pause_cron(Call& call);
Status deny_scripts(Call& call);
Status ignore_checksums(Call& call);
Status reply_buffer(Call& call);
Status packed_threshold(Call& call);
Status rewrite_all(Call& call);
Status accept_switch(Call& call);
Status replicate(Call& call);
Status change_repl_id(Call& call);
Status error(Call& call);
Status segfault(Call& call);
Status stringmatch_len(Call& call);
Status protocol(Call& call);

Status table_stats(Call& call);
Status table_stats_of_key(Call& call);

}  // namespace larder::debug
