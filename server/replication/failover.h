// FAILOVER: a primary hands its role to a replica without losing a write.
//
//   none --FAILOVER--> waiting      clients' writes are held back until a replica has everything
//   waiting -----------> handing_over   this server follows that replica and asks it to lead
//   handing_over ------> none       it does, or it refused and this server leads again
//
// Source: https://redis.io/docs/latest/commands/failover/
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "server/engine/status.h"
#include "server/replication/link.h"

namespace larder {

class Replica;
class Replicator;

struct FailoverPlan {
  std::optional<PrimaryAddress> target;  // nothing: whichever replica is ready first
  bool force = false;                    // hands over when the time is over, ready or not
  int64_t timeout_ms = 0;                // 0: none
};

class Failover {
 public:
  enum class State : uint8_t { none, waiting, handing_over };

  explicit Failover(Replicator& owner) : owner_(owner) {}

  // As INFO names it.
  const char* name() const;
  State state() const { return state_; }

  // With the owner's mutex held.
  Status start_locked(const FailoverPlan& plan, int64_t now_ms);
  Status abort_locked();

  // On the control thread, without the mutex.
  void cron(int64_t now_ms);

 private:
  std::shared_ptr<Replica> ready_locked() const;
  void hand_over(PrimaryAddress target, bool forced);
  void end(const std::string& why);
  void lead_again(const std::string& why);
  void pause(bool on);

  Replicator& owner_;
  State state_ = State::none;  // all of it guarded by the owner's mutex
  FailoverPlan plan_;
  int64_t until_ms_ = 0;  // steady clock; 0: no limit
};

// Where a replica can be reached as a primary.
PrimaryAddress address_of(const Replica& replica);

}  // namespace larder
