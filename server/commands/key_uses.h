// What a call does to each of its keys, by the command's card.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "server/commands/spec.h"

namespace larder {

struct UsedKey {
  size_t index;  // of the argument
  KeyUse use;
};

// False when the arguments don't fit the card.
bool find_used_keys(const CommandSpec& spec, std::span<const Bytes> args,
                    std::vector<UsedKey>& keys);

}  // namespace larder
