// wtinylfu: a small window for what is new, and a sketch of how often keys were asked for. What
// leaves the window enters main only if it was asked for more often than what main would lose.
//
// The queues are those of s3fifo: the window is a queue and not a list in order of use, and uses
// are added to the sketch when an entry is judged and not when they happen, so that a hit takes no
// lock and costs what it costs with the other policies.
// Source: G. Einziger, R. Friedman, B. Manes, "TinyLFU: A Highly Efficient Cache Admission Policy",
// ACM Transactions on Storage 2017.
#include "storage/eviction/policies.h"
#include "storage/eviction/s3fifo.h"

namespace larder {

std::unique_ptr<EvictionPolicy> make_wtinylfu(const EvictionOptions& options) {
  return std::make_unique<S3Fifo>(S3Settings{.small_share = 0.01, .duel = true}, options.slab);
}

}  // namespace larder
