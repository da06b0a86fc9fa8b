// The family of commands that are about replication.
#pragma once

#include <span>

#include "server/engine/spec.h"

namespace larder {

std::span<const CommandSpec> replication_commands();

}  // namespace larder
