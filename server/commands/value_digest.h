// A number that is the same for the same value, however it is kept and whatever its order: what
// DEBUG DIGEST compares. Not Redis's digest, and not kept anywhere.
#pragma once

#include <cstdint>

#include "storage/keyspace.h"

namespace larder {

// `item` is there. Cost: O(N).
uint64_t value_digest(Keyspace& keys, const Key& key, Item item, int64_t now_ms);

}  // namespace larder
