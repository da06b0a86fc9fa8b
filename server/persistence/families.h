// The families of commands about what is kept and what travels.
#pragma once

#include <span>

#include "server/engine/spec.h"

namespace larder {

std::span<const CommandSpec> dump_commands();
std::span<const CommandSpec> migrate_commands();
std::span<const CommandSpec> save_commands();

}  // namespace larder
