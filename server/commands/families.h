// The families of commands that live in this room. main.cc adds them to the registry.
#pragma once

#include <span>

#include "server/commands/spec.h"

namespace larder {

std::span<const CommandSpec> connection_commands();
std::span<const CommandSpec> string_commands();
std::span<const CommandSpec> string_edit_commands();
std::span<const CommandSpec> key_commands();

// CLIENT SETNAME's rule: printable and no spaces.
bool is_client_name(Bytes name);
inline constexpr const char* kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

}  // namespace larder
