// random: any entry, and none at all: noeviction, which still keeps the time of the last use.
#include "storage/eviction/last_use_stamp.h"
#include "storage/eviction/policies.h"

namespace larder {

std::unique_ptr<EvictionPolicy> make_random(const EvictionOptions&) {
  return std::make_unique<LastUsePolicy>();
}

std::unique_ptr<EvictionPolicy> make_none(const EvictionOptions&) {
  return std::make_unique<LastUsePolicy>();
}

}  // namespace larder
