#include "storage/eviction/adviser.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "storage/eviction/registry.h"

namespace larder {
namespace {

// At the present size; those of kCurves at all sizes. All but `ttl`, for which every key needs a
// life.
constexpr const char* kPolicies[] = {"s3fifo", "lru",      "lfu",      "sieve", "arc",
                                     "gdsf",   "fifo",     "adaptive", "slru",  "clock",
                                     "tlru",   "wtinylfu", "random"};
constexpr std::string_view kCurves[] = {"s3fifo", "lru"};

// They give up what is large first, so a sample without large values is none to correct.
bool weighs_sizes(std::string_view policy) { return policy == "gdsf" || policy == "tlru"; }

// Together they hold so many times the entries of one ghost, of about so many bytes each.
constexpr int64_t kGhostsInAll = 30;
constexpr int64_t kGhostEntryBytes = 28;
// Of a small cache, ghosts must not take much: at most so much of the limit, 3.5%.
constexpr int64_t kLimitShare = 28;
// With fewer, nothing can be said.
constexpr int64_t kGhostEntriesMin = 16;

// Entries that a ghost of the present size should have at least. With fewer than 256 in the mean
// the estimates waver by points; twice as many just fit in tables of 512 nodes.
int64_t entries_wanted(int64_t entries) { return std::clamp<int64_t>(entries / 64, 64, 192); }
int64_t entries_allowed(int64_t limit_bytes) {
  return limit_bytes / (kLimitShare * kGhostsInAll * kGhostEntryBytes);
}

// Sizes differ from a quarter of a doubling in the mean on; the mean is of so many objects.
constexpr double kSpreadMin = 0.25;
constexpr double kNewest = 1.0 / 256;

// What there is room for is the mean of so many ticks.
constexpr double kNewestTick = 1.0 / 64;
// The most of a limit that is taken for fixed: ghosts of more memory get the larger for it.
constexpr double kFixedMax = 0.5;

// Which of the samples the ghosts of each of kMemoryFactors look at; the keys of one are half of
// those of the one before. One thinner for every doubling would spare a third of the memory more,
// but of a cache that has room for all keys so few would be left that estimates waver.
constexpr size_t kSampleOfFactor[] = {0, 1, 2, 2, 2, 3, 4};
static_assert(std::size(kSampleOfFactor) == kMemoryFactors.size());

// Reads after which what was counted weighs half.
constexpr double kReadsMax = 1 << 20;

}  // namespace

Adviser::Adviser(const EvictionOptions& options, Bytes live_policy)
    : options_(options), live_policy_(live_policy.substr(live_policy.find('-') + 1)) {
  options_.slab = &slab_;
  options_.tally = nullptr;
}

void Adviser::set_capacity(const Capacity& capacity) {
  if (capacity.entries < kGhostEntriesMin || facts_.limit_bytes == 0) return;
  const bool goes_on = facts_.limit_bytes == fitted_limit_bytes_;
  const double weight = goes_on ? kNewestTick : 1;
  fitted_limit_bytes_ = facts_.limit_bytes;
  entries_ += weight * (static_cast<double>(capacity.entries) - entries_);
  bytes_ += weight * (static_cast<double>(capacity.bytes) - bytes_);
  fixed_bytes_ += weight * (static_cast<double>(facts_.fixed_bytes) - fixed_bytes_);
  const auto entries = static_cast<int64_t>(entries_);
  const bool by_bytes = spread_ > (by_bytes_ ? kSpreadMin / 2 : kSpreadMin);
  const bool other_unit = std::exchange(by_bytes_, by_bytes) != by_bytes;
  if (other_unit || entries > 2 * fitted_ || entries < fitted_ / 2) fit(entries);
  const double fair_bytes = entries_ * mean_bytes();
  for (GhostCache& ghost : ghosts_) {
    const double bytes = weighs_sizes(ghost.policy) ? bytes_ : fair_bytes;
    const double whole = (by_bytes ? bytes : entries_) * room(ghost.factor);
    const auto one_in = int64_t{samples_[ghost.sample].mask} + 1;
    const int64_t limit = std::max<int64_t>(static_cast<int64_t>(whole) / one_in, 1);
    ghost.cache->set_limit(by_bytes ? ModelCache::Limit{.bytes = limit}
                                    : ModelCache::Limit{.objects = limit});
  }
}

// Of an entry of a ghost. Where a few large values take much of the cache they are in the sample or
// not: then the ghost like the live cache has too many or too few entries, and from its own mean
// follows what bytes have room for a fair number.
double Adviser::mean_bytes() const {
  if (like_live_ == nullptr || like_live_->objects() < kGhostEntriesMin) return bytes_ / entries_;
  return static_cast<double>(like_live_->bytes()) / static_cast<double>(like_live_->objects());
}

// Ghosts of the same memory are of the same sample.
size_t Adviser::sample_of(double factor) {
  const auto at = std::find(kMemoryFactors.begin(), kMemoryFactors.end(), factor);
  return kSampleOfFactor[at - kMemoryFactors.begin()];
}

void Adviser::fit(int64_t entries) {
  fitted_ = entries;
  ghosts_.clear();
  like_live_ = nullptr;
  all_ = {};
  samples_.fill({});
  unsigned shift = 0;
  while (entries >> (shift + 1) >= entries_wanted(entries)) ++shift;
  while (entries >> shift > entries_allowed(facts_.limit_bytes)) ++shift;
  if (entries >> shift < kGhostEntriesMin) return;
  for (size_t i = 0; i < kSamples; ++i) {
    const size_t ones = std::max(shift + i, sample_of(1)) - sample_of(1);
    samples_[i].mask = (1U << ones) - 1;
  }
  const auto add = [this](const char* policy, double factor) {
    ghosts_.push_back({policy, factor, sample_of(factor),
                       std::make_unique<ModelCache>(find_policy_maker(policy)(options_),
                                                    ModelCache::Limit{}, options_.samples)});
    if (policy == live_policy_ && factor == 1) like_live_ = ghosts_.back().cache.get();
  };
  for (const char* policy : kPolicies) {
    const bool at_all_sizes =
        std::find(std::begin(kCurves), std::end(kCurves), policy) != std::end(kCurves);
    for (const double factor : kMemoryFactors) {
      if (at_all_sizes || factor == 1) add(policy, factor);
    }
  }
}

// What has no size needs no place for it.
ModelCache::Object Adviser::object_of(const Resident& entry) const {
  return {entry.place, entry.home, by_bytes_ ? std::max(entry.bytes, 1U) : 1, entry.expiry_ms};
}

void Adviser::read(const Resident& entry, bool hit) {
  const ModelCache::Object object = object_of(entry);
  for (Sample& sample : samples_) {
    if (!sample.has(entry)) break;
    ++(hit ? sample.live.hits : sample.live.misses);
    sample.read_bytes += entry.bytes;
  }
  for (GhostCache& ghost : ghosts_) {
    if (!samples_[ghost.sample].has(entry)) continue;
    if (ghost.cache->use(object, entry.now_ms)) {
      ++ghost.hits;
      ghost.hit_bytes += entry.bytes;
    } else if (hit) {
      ghost.cache->put(object, entry.now_ms);
    }
  }
  if (reads() >= kReadsMax) halve();
}

void Adviser::halve() {
  all_.halve();
  for (Sample& sample : samples_) {
    sample.live.halve();
    sample.read_bytes /= 2;
  }
  for (GhostCache& ghost : ghosts_) {
    ghost.hits /= 2;
    ghost.hit_bytes /= 2;
  }
}

void Adviser::note(const StoreFacts& facts) {
  all_.hits += static_cast<double>(facts.reads.hits - facts_.reads.hits);
  all_.misses += static_cast<double>(facts.reads.misses - facts_.reads.misses);
  facts_ = facts;
}

// Of so many times the limit, times as many entries: what is fixed is so under every limit.
double Adviser::room(double factor) const {
  const auto limit_bytes = static_cast<double>(facts_.limit_bytes);
  const double share = std::clamp(fixed_bytes_ / limit_bytes, 0.0, kFixedMax);
  return std::max((factor - share) / (1 - share), 0.0);
}

// Times as many misses as there should be.
double Adviser::sample_error(const Sample& sample) const {
  const double right = all_.miss_ratio();
  return right == 0 || sample.live.misses == 0 ? 1 : sample.live.miss_ratio() / right;
}

// Mostly what a read has missed, and only now its size is known.
void Adviser::put(const Resident& entry) {
  for (Sample& sample : samples_) {
    if (!sample.has(entry)) break;
    sample.read_bytes += entry.bytes;
  }
  const double log_bytes = std::log2(std::max(entry.bytes, 1U));
  log_bytes_ += (log_bytes_ == 0 ? 1 : kNewest) * (log_bytes - log_bytes_);
  spread_ += kNewest * (std::abs(log_bytes - log_bytes_) - spread_);
  const ModelCache::Object object = object_of(entry);
  for (GhostCache& ghost : ghosts_) {
    if (samples_[ghost.sample].has(entry)) ghost.cache->put(object, entry.now_ms);
  }
}

std::vector<Estimate> Adviser::estimates() const {
  std::vector<Estimate> estimates;
  for (const GhostCache& ghost : ghosts_) {
    const Sample& sample = samples_[ghost.sample];
    const auto corrected = [error = sample_error(sample)](double hits, double reads) {
      return reads == 0 ? 0 : std::max(1 - (1 - hits / reads) / error, 0.0);
    };
    estimates.push_back({ghost.policy, ghost.factor, corrected(ghost.hits, sample.live.reads()),
                         corrected(ghost.hit_bytes, sample.read_bytes)});
  }
  return estimates;
}

size_t Adviser::memory_bytes() const {
  size_t bytes = slab_.used_bytes();
  for (const GhostCache& ghost : ghosts_) bytes += ghost.cache->memory_bytes();
  return bytes;
}

}  // namespace larder
