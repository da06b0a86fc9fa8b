// tlru: of a sample, what costs most for what it is still good for: idle time times bytes, over the
// life it has left.
#include <algorithm>

#include "storage/eviction/last_use_stamp.h"
#include "storage/eviction/policies.h"

namespace larder {
namespace {

// A key without expiry counts as one that lives a day longer.
constexpr int64_t kLifeMaxMs = int64_t{24} * 3600 * 1000;

class TimeAwareLru : public LastUsePolicy {
 public:
  int64_t rank(const Resident& entry) const override {
    const int64_t idle = *idle_ms(entry.stamp, entry.now_ms) + 1;
    const int64_t left = entry.expiry_ms < 0 ? kLifeMaxMs : entry.expiry_ms - entry.now_ms;
    const auto life = static_cast<double>(std::clamp<int64_t>(left, 1, kLifeMaxMs));
    // In units that leave room on both sides: 2^22 x 256 ms times 2^32 bytes over 1 ms is 2^62.
    const double cost = static_cast<double>(idle) * static_cast<double>(entry.bytes) / life;
    return static_cast<int64_t>(std::min(cost * 1e6, 9e18));
  }
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_tlru(const EvictionOptions&) {
  return std::make_unique<TimeAwareLru>();
}

}  // namespace larder
