// The families of commands that live in this room, because they need what only it knows.
#pragma once

#include <span>

#include "server/engine/spec.h"

namespace larder {

std::span<const CommandSpec> config_commands();
std::span<const CommandSpec> info_commands();
std::span<const CommandSpec> memory_commands();

}  // namespace larder
