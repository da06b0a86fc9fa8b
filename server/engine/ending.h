// How the server ends. SHUTDOWN and signals ask for it; server/admin sees to it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace larder {

struct EndWish {
  bool save = false;      // also without save points
  bool nosave = false;    // not even with save points
  bool now = false;       // without waiting for replicas
  bool force = false;     // even when saving fails
  bool failover = false;  // a replica takes over first
};

class Ending {
 public:
  virtual ~Ending() = default;
  // From any thread. While the end is already on its way, only `now` and `force` add to it.
  // `called_off` is called, on any thread, when the server goes on after all.
  virtual void ask(const EndWish& wish, std::function<void()> called_off) = 0;
  // The server goes on. False: it was not about to end, or can't be held back any more.
  virtual bool call_off() = 0;
  // How long replicas still get to have everything; nothing while no end is on its way.
  virtual std::optional<int64_t> remaining_ms() const = 0;
};

}  // namespace larder
