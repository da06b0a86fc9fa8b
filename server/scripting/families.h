// The families of commands that live in this room.
#pragma once

#include <span>

#include "server/engine/spec.h"

namespace larder {

std::span<const CommandSpec> eval_commands();
std::span<const CommandSpec> script_commands();
std::span<const CommandSpec> function_commands();

}  // namespace larder
