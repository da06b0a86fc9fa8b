// Which removals Redis leaves to its background thread: UNLINK's, and others by lazyfree-lazy-*.
// Here the options change nothing of how memory is freed: small values go where they are removed,
// which takes microseconds, and large ones always to the reclaimer. They decide what others are
// told: replicas and the append-only file hear UNLINK instead of DEL, and INFO counts the values
// that Redis would have left to its thread.
// Source: https://redis.io/docs/latest/commands/unlink/
#pragma once

#include <atomic>
#include <cstdint>

#include "base/bytes.h"
#include "base/scoped.h"

namespace larder {

class Entry;

// Why a value goes. `server`: a command put another in its place or left none.
enum class Removal : uint8_t { server, user, expiry, eviction, unlink };

// Bits of the reasons whose removals are lazy.
inline std::atomic<uint8_t> lazy_removals{1U << static_cast<unsigned>(Removal::unlink)};
// Values removed lazily since the count began anew.
inline std::atomic<uint64_t> lazily_freed{0};
// Why this thread removes what it removes now; given for a while by a Scoped.
inline thread_local Removal removal_reason = Removal::server;

inline bool is_lazy(Removal reason) {
  const unsigned bits = lazy_removals.load(std::memory_order_relaxed);
  return (bits >> static_cast<unsigned>(reason) & 1) != 0;
}

inline void set_lazy(Removal reason, bool lazy) {
  const auto bit = static_cast<uint8_t>(1U << static_cast<unsigned>(reason));
  lazy ? lazy_removals.fetch_or(bit) : lazy_removals.fetch_and(static_cast<uint8_t>(~bit));
}

inline Bytes removal_word(Removal reason) { return is_lazy(reason) ? "UNLINK" : "DEL"; }

// To be called before an object's memory is returned: counts it if its removal is lazy and it is
// of as many pieces as Redis does not free at once.
void note_lazily_freed(const Entry& entry);

}  // namespace larder
