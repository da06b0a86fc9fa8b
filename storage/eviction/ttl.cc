// ttl: what expires soonest goes first.
#include "storage/eviction/last_use_stamp.h"
#include "storage/eviction/policies.h"

namespace larder {
namespace {

class SoonestExpiry : public LastUsePolicy {
 public:
  int64_t rank(const Resident& entry) const override {
    return entry.expiry_ms < 0 ? INT64_MIN : -entry.expiry_ms;
  }
  bool prefers_soonest() const override { return true; }
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_ttl(const EvictionOptions&) {
  return std::make_unique<SoonestExpiry>();
}

}  // namespace larder
