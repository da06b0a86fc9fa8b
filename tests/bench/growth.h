// Fills an empty store key by key, without sockets, and tells how long the longest SET kept the
// processor: what the growing table, the slab and fresh pages cost at once. The thread's own time
// counts, so that what other programs take is left out; the longest by the clock stands beside it.
#pragma once

#include <cstdint>

namespace larder {

inline constexpr int64_t kGrowthNsMax = 5'000'000;

// Prints both. Returns the longest, ns.
int64_t grow(unsigned keys);

}  // namespace larder
