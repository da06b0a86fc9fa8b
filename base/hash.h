// The hash of keys: xxHash3-64, seeded per process so that nobody can prepare colliding keys.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace larder {

// Sets the seed of this process: a random one, or the one of the file that is loaded (ADR 6).
// Called once, before the first key is hashed.
void seed_hash(uint64_t seed);
uint64_t hash_seed();

uint64_t hash_of(Bytes bytes);

// The same function without a seed: equal in every process, for what clients compare (DIGEST).
uint64_t digest_of(Bytes bytes);

}  // namespace larder
