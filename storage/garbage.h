// What is too big to be freed under a shard's lock, on its way to whoever frees it.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace larder {

class Garbage {
 public:
  virtual ~Garbage() = default;
  // Roughly what its destructor returns to the system.
  virtual size_t bytes() const = 0;
  // How many keys' values it is, for INFO.
  virtual size_t objects() const { return 1; }
};

using GarbageList = std::vector<std::unique_ptr<Garbage>>;

// From this size on a value is freed by the reclaimer: returning 1 MiB to the kernel takes about
// as long as a hundred commands.
inline constexpr size_t kGarbageBytesMin = 1024 * 1024;

// Frees garbage off the hot path. Called without locks, from any thread.
class Reclaimer {
 public:
  virtual ~Reclaimer() = default;
  virtual void reclaim(GarbageList garbage) = 0;
  // Objects that wait, and that were freed since the count began anew.
  virtual size_t pending() const { return 0; }
  virtual size_t freed() const { return 0; }
  virtual void reset_freed() {}
};

}  // namespace larder
