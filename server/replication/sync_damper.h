// Full syncs that come to nothing, again and again: a replica that cannot keep up is cut off, comes
// back, and costs another snapshot. Each failure in a row makes it wait longer for the next.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace larder {

class SyncDamper {
 public:
  static constexpr int64_t kFirstWaitMs = 2000;
  static constexpr int64_t kLongestWaitMs = 60'000;
  // Replicas remembered; the one that may come soonest is forgotten first.
  static constexpr size_t kReplicasMax = 256;

  // A full sync to the replica at `address` failed, or it fell off right behind it.
  void failed(const std::string& address, int64_t now_ms) {
    Place& place = places_[address];
    place.wait_ms = std::clamp(2 * place.wait_ms, kFirstWaitMs, kLongestWaitMs);
    place.not_before_ms = now_ms + place.wait_ms;
    if (places_.size() > kReplicasMax) forget_soonest();
  }
  void succeeded(const std::string& address) { places_.erase(address); }
  // When a full sync of it may begin, at the earliest.
  int64_t not_before_ms(const std::string& address) const {
    const auto found = places_.find(address);
    return found == places_.end() ? 0 : found->second.not_before_ms;
  }

 private:
  struct Place {
    int64_t wait_ms = 0;
    int64_t not_before_ms = 0;
  };
  void forget_soonest() {
    places_.erase(
        std::min_element(places_.begin(), places_.end(), [](const auto& a, const auto& b) {
          return a.second.not_before_ms < b.second.not_before_ms;
        }));
  }

  std::map<std::string, Place> places_;
};

}  // namespace larder
