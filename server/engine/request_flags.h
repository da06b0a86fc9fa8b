// The flags of a request, which may say more than its card.
#pragma once

#include <span>

#include "server/engine/registry.h"

namespace larder {

inline Flag flags_of(Services& services, const Command& command, std::span<const Bytes> args) {
  const CommandSpec& spec = *command.spec;
  if (spec.flags_of == nullptr) [[likely]]
    return spec.flags;
  return spec.flags_of(services, args, spec.flags);
}

}  // namespace larder
