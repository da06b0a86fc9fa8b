#include "server/replication/failover.h"

#include <algorithm>

#include "base/clock.h"
#include "server/engine/effects.h"
#include "server/engine/pause.h"
#include "server/engine/services.h"
#include "server/replication/replicator.h"

namespace larder {

PrimaryAddress address_of(const Replica& replica) {
  const Replica::Facts facts = replica.facts();
  return {facts.ip, static_cast<uint16_t>(facts.port)};
}

const char* Failover::name() const {
  switch (state_) {
    case State::none:
      return "no-failover";
    case State::waiting:
      return "waiting-for-sync";
    case State::handing_over:
      return "failover-in-progress";
  }
  return "";
}

// Writes wait; what is being read goes on.
void Failover::pause(bool on) {
  PauseState& pause = owner_.services_->pause;
  if (!on) return pause.end(PauseState::By::failover);
  pause.begin(PauseState::By::failover, PauseState::kUntilEnded, true, unix_ms());
}

Status Failover::start_locked(const FailoverPlan& plan, int64_t now_ms) {
  if (state_ != State::none) return Status::error("ERR FAILOVER already in progress.");
  if (owner_.following_ || owner_.wanted_) {
    return Status::error("ERR FAILOVER is not valid when server is a replica.");
  }
  if (owner_.replicas_.empty()) {
    return Status::error("ERR FAILOVER requires connected replicas.");
  }
  if (plan.force && (!plan.target || plan.timeout_ms == 0)) {
    return Status::error(
        "ERR FAILOVER with force option requires both a timeout and target HOST and IP.");
  }
  if (plan.target) {
    const auto is_target = [&](const auto& each) { return address_of(*each) == *plan.target; };
    const auto found = std::find_if(owner_.replicas_.begin(), owner_.replicas_.end(), is_target);
    if (found == owner_.replicas_.end()) {
      return Status::error("ERR FAILOVER target HOST and PORT is not a replica.");
    }
    if (!(*found)->is_online()) {
      return Status::error("ERR FAILOVER target replica is not online.");
    }
  }
  plan_ = plan;
  until_ms_ = plan.timeout_ms > 0 ? now_ms + plan.timeout_ms : 0;
  state_ = State::waiting;
  pause(true);
  return Status::ok();
}

Status Failover::abort_locked() {
  if (state_ == State::none) return Status::error("ERR No failover in progress.");
  constexpr const char* kWhy = "Failover manually aborted.";
  if (state_ == State::waiting) {
    end(kWhy);
    return Status::ok();
  }
  state_ = State::none;
  owner_.wanted_.reset();
  owner_.post([this] { lead_again(kWhy); });
  return Status::ok();
}

// One that has everything. Nothing is written meanwhile.
std::shared_ptr<Replica> Failover::ready_locked() const {
  const uint64_t end = owner_.effects().end_offset();
  for (const auto& replica : owner_.online_locked()) {
    if (plan_.target && address_of(*replica) != *plan_.target) continue;
    if (replica->acked() >= end) return replica;
  }
  return nullptr;
}

void Failover::hand_over(PrimaryAddress target, bool forced) {
  owner_.log_(false, "Failover target is " + target.host + ":" + std::to_string(target.port) +
                         (forced ? ": time out exceeded, failing over." : ": failing over."));
  owner_.services_->configuration.note("replicaof",
                                       target.host + " " + std::to_string(target.port));
  owner_.follow(std::move(target), true);
}

void Failover::end(const std::string& why) {
  state_ = State::none;
  pause(false);
  owner_.log_(false, why);
}

// The pause ends last: a write that was held goes on with a primary, which does not refuse it.
void Failover::lead_again(const std::string& why) {
  owner_.services_->configuration.note("replicaof", "");
  owner_.lead();
  std::lock_guard lock(owner_.mutex_);
  if (state_ != State::waiting) end(why);
}

void Failover::cron(int64_t now_ms) {
  std::optional<PrimaryAddress> target;
  bool forced = false;
  bool leads_again = false;
  {
    std::lock_guard lock(owner_.mutex_);
    const bool late = until_ms_ != 0 && now_ms >= until_ms_;
    if (state_ == State::waiting) {
      if (const auto ready = ready_locked()) {
        target = address_of(*ready);
      } else if (late && plan_.force) {
        target = plan_.target;
        forced = true;
      } else if (late) {
        return end("Failover attempt timed out, aborting.");
      }
      if (!target) return;
      state_ = State::handing_over;
      owner_.wanted_ = target;
    } else if (state_ == State::handing_over && owner_.link_ != nullptr) {
      if (owner_.link_->is_up() || owner_.link_->transfers()) return end("Failover done.");
      if (!owner_.link_->refused()) return;
      owner_.wanted_.reset();
      leads_again = true;
    }
  }
  if (target) hand_over(*target, forced);
  if (leads_again) lead_again("Failover target rejected psync request, leading again.");
}

}  // namespace larder
