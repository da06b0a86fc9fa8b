// Why a server in trouble (bits of Trouble: its data can't be saved, it follows another) refuses
// commands, wherever they come from: a client, or a script.
#pragma once

#include <cstdint>

#include "server/engine/status.h"

namespace larder {

class Call;
struct Services;

inline constexpr const char* kLoadingText = "LOADING Redis is loading the dataset in memory";

// Ok when the disk takes what is written.
Status disk_refusal(Services& services, uint32_t trouble);

// What has to be known of a command, or of all those that EXEC would run.
struct GateQuestion {
  bool writes = false;
  bool runs_stale = false;  // with old data too
};
// Ok when the place among other servers allows it.
Status replication_refusal(uint32_t trouble, const GateQuestion& question);

// What a call does was decided where it was done first (by the primary, or before it came into the
// append-only file) and is done here whatever the trouble.
bool obeys(Call& call);

}  // namespace larder
