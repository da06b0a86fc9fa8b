#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace larder {
namespace {
uint64_t process_seed = 0x9e3779b97f4a7c15;
}

void seed_hash(uint64_t seed) { process_seed = seed; }

uint64_t hash_seed() { return process_seed; }

uint64_t hash_of(Bytes bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), process_seed);
}

uint64_t digest_of(Bytes bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace larder
