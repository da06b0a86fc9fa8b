// The keys of a call and what it does to each, by the command's card.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "server/engine/spec.h"

namespace larder {

// Argument indexes of a call's keys. False when the arguments don't fit the card.
bool find_keys(const CommandSpec& spec, std::span<const Bytes> args, std::vector<size_t>& keys);
// The same for one of a card's key specs, without those behind it.
bool find_keys(const KeySpec& where, std::span<const Bytes> args, std::vector<size_t>& keys);

struct UsedKey {
  size_t index;  // of the argument
  KeyUse use;
};

// False when the arguments don't fit the card.
bool find_used_keys(const CommandSpec& spec, std::span<const Bytes> args,
                    std::vector<UsedKey>& keys);

}  // namespace larder
