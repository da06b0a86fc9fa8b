// Why a server whose data can't be saved refuses writes, wherever they come from: a client, or a
// script.
#pragma once

#include <cstdint>

#include "server/commands/status.h"

namespace larder {

struct Services;

// `trouble`: bits of Trouble. Ok when the disk takes what is written.
Status disk_refusal(Services& services, uint32_t trouble);

}  // namespace larder
