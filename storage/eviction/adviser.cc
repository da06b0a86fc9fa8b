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
constexpr const char* kPolicies[] = {"s3fifo", "lru",      "lfu",       "sieve", "arc",
                                     "gdsf",   "fifo",     "adaptive",  "slru",  "clock",
                                     "tlru",   "wtinylfu", "random"};
constexpr std::string_view kCurves[] = {"s3fifo", "lru"};

// Together they hold so many times the entries of one ghost, of about so many bytes each.
constexpr int64_t kGhostsInAll = 43;
constexpr int64_t kGhostEntryBytes = 28;
// Of a small cache, ghosts must not take much: at most a 20th of the limit.
constexpr int64_t kLimitShare = 20;
// With fewer, nothing can be said.
constexpr int64_t kGhostEntriesMin = 16;

// Entries that a ghost of the present size should have. With fewer than 256 the estimates waver by
// points.
int64_t entries_wanted(int64_t entries) { return std::clamp<int64_t>(entries / 64, 64, 256); }
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

// Reads after which what was counted weighs half.
constexpr double kReadsMax = 1 << 20;

}  // namespace

Adviser::Adviser(const EvictionOptions& options) : options_(options) {
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
  const int64_t whole = (by_bytes ? static_cast<int64_t>(bytes_) : entries) >> shift_;
  for (GhostCache& ghost : ghosts_) {
    const auto part = static_cast<int64_t>(static_cast<double>(whole) * room(ghost.factor));
    const int64_t limit = std::max<int64_t>(part, 1);
    ghost.cache->set_limit(by_bytes ? ModelCache::Limit{.bytes = limit}
                                    : ModelCache::Limit{.objects = limit});
  }
}

void Adviser::fit(int64_t entries) {
  fitted_ = entries;
  ghosts_.clear();
  all_ = sampled_ = {};
  read_bytes_ = 0;
  sample_mask_ = ~0U;
  shift_ = 0;
  while (entries >> (shift_ + 1) >= entries_wanted(entries)) ++shift_;
  while (entries >> shift_ > entries_allowed(facts_.limit_bytes)) ++shift_;
  if (entries >> shift_ < kGhostEntriesMin) return;
  sample_mask_ = (1U << shift_) - 1;
  const auto add = [this](const char* policy, double factor) {
    ghosts_.push_back({policy, factor,
                       std::make_unique<ModelCache>(find_policy_maker(policy)(options_),
                                                    ModelCache::Limit{}, options_.samples)});
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
  ++(hit ? sampled_.hits : sampled_.misses);
  read_bytes_ += entry.bytes;
  for (GhostCache& ghost : ghosts_) {
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
  sampled_.halve();
  read_bytes_ /= 2;
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
double Adviser::sample_error() const {
  const double right = all_.miss_ratio();
  return right == 0 || sampled_.misses == 0 ? 1 : sampled_.miss_ratio() / right;
}

// Mostly what a read has missed, and only now its size is known.
void Adviser::put(const Resident& entry) {
  read_bytes_ += entry.bytes;
  const double log_bytes = std::log2(std::max(entry.bytes, 1U));
  log_bytes_ += (log_bytes_ == 0 ? 1 : kNewest) * (log_bytes - log_bytes_);
  spread_ += kNewest * (std::abs(log_bytes - log_bytes_) - spread_);
  const ModelCache::Object object = object_of(entry);
  for (GhostCache& ghost : ghosts_) ghost.cache->put(object, entry.now_ms);
}

std::vector<Estimate> Adviser::estimates() const {
  const double error = sample_error();
  const auto corrected = [error](double hits, double reads) {
    return reads == 0 ? 0 : std::max(1 - (1 - hits / reads) / error, 0.0);
  };
  std::vector<Estimate> estimates;
  for (const GhostCache& ghost : ghosts_) {
    estimates.push_back({ghost.policy, ghost.factor, corrected(ghost.hits, reads()),
                         corrected(ghost.hit_bytes, read_bytes_)});
  }
  return estimates;
}

size_t Adviser::memory_bytes() const {
  size_t bytes = slab_.used_bytes();
  for (const GhostCache& ghost : ghosts_) bytes += ghost.cache->memory_bytes();
  return bytes;
}

}  // namespace larder
