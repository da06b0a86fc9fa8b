// How far into the effect stream writes are as safe as the settings ask: on disk (appendfsync
// always), or with enough replicas. The reply to a write that lies behind it is held back by its
// connection, with what comes behind that reply; other connections go on.
//
//   stream   ------------------|------------x------>      x: a client's last effect
//                              safe         ^ its reply waits until safe >= x
//
// So one wait for the disk serves all writes that came meanwhile (group commit), and no worker
// waits.
#pragma once

#include <atomic>
#include <cstdint>

namespace larder {

class SafePoint {
 public:
  // Who may ask for safety.
  enum class Keeper : uint8_t { file, replicas };
  static constexpr uint64_t kNothingAsked = UINT64_MAX;

  // Everything before this offset is safe, as far as the replicas are asked.
  uint64_t replicas() const { return replicas_.load(); }
  // For connections: whether a reply behind an effect that ends at `effect_end` must wait for the
  // disk, which all replies of a connection do together.
  bool holds(uint64_t effect_end) const {
    return effect_end > file_.load(std::memory_order_relaxed);
  }
  // The same for replicas; each reply by itself, as their time may be over.
  bool awaits_replicas(uint64_t effect_end) const {
    return effect_end > replicas_.load(std::memory_order_relaxed);
  }
  // Everything before this offset is on this server's disk, whether that was asked for or not.
  uint64_t on_disk() const { return on_disk_.load(); }
  void set_on_disk(uint64_t offset) { on_disk_.store(offset); }
  // Sets what one keeper says; kNothingAsked: it asks for nothing. From any thread; afterwards
  // Workers::release_replies lets go what is safe now.
  void set(Keeper keeper, uint64_t offset) {
    (keeper == Keeper::file ? file_ : replicas_).store(offset);
  }

 private:
  std::atomic<uint64_t> file_{kNothingAsked};
  std::atomic<uint64_t> replicas_{kNothingAsked};
  std::atomic<uint64_t> on_disk_{0};
};

}  // namespace larder
