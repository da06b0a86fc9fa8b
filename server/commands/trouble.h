// Why a server whose data can't be saved refuses writes, wherever they come from: a client, or a
// script.
#pragma once

#include <cstdint>

#include "server/commands/status.h"

namespace larder {

class Call;
struct Services;

// `trouble`: bits of Trouble. Ok when the disk takes what is written.
Status disk_refusal(Services& services, uint32_t trouble);

// What a call does was decided where it was done first (by the primary, or before it came into the
// append-only file) and is done here whatever the trouble.
bool obeys(Call& call);

}  // namespace larder
