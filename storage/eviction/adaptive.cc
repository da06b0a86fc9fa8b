#include "storage/eviction/adaptive.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

#include "base/check.h"
#include "storage/eviction/policies.h"

namespace larder {
namespace {

// A smaller cache teaches nothing.
constexpr int64_t kEntriesMin = 16;
// Changes remembered for EVICTION HISTORY.
constexpr size_t kHistoryMax = 64;

std::string name_of(const S3Settings& settings) {
  if (settings.clock) return "recency only";
  char name[64];
  std::snprintf(name, sizeof name, "small queue %.0f%%, %u use%s to enter main",
                settings.small_share * 100, settings.uses_min, settings.uses_min == 1 ? "" : "s");
  return name;
}

}  // namespace

Adaptive::Adaptive(std::vector<S3Settings> settings, const AdaptiveTuning& tuning, Slab* slab)
    : S3Fifo(settings.front(), slab), tuning_(tuning) {
  CHECK(settings.size() <= 32);
  for (const S3Settings& each : settings) trials_.push_back({each, nullptr, 0});
  differences_.resize(trials_.size() * trials_.size());
}

// Half a cache for what is new is never far behind fifo and lru, so it is what to begin with.
std::vector<S3Settings> Adaptive::usual_settings() {
  return {{.small_share = 0.5, .uses_min = 1},  {.small_share = 0.3, .uses_min = 1},
          {.small_share = 0.01, .uses_min = 1}, {.small_share = 0.05, .uses_min = 1},
          {.small_share = 0.1, .uses_min = 1},  {.small_share = 0.1, .uses_min = 2},
          {.small_share = 0.2, .uses_min = 1},  {.small_share = 0.5, .uses_min = 2},
          {.small_share = 0.01, .uses_min = 2}, {.small_share = 0, .uses_min = 1, .clock = true}};
}

std::string Adaptive::setting() const { return name_of(trials_[chosen_].settings); }

void Adaptive::inserted(Resident& entry) {
  S3Fifo::inserted(entry);
  if ((entry.place & sample_mask()) != 0) return;
  for (Trial& trial : trials_) {
    if (trial.cache) trial.cache->put({entry.place, entry.home}, entry.now_ms);
  }
}

void Adaptive::set_capacity(int64_t entries) {
  if (entries < kEntriesMin) return;
  capacity_ = entries;
  if (entries > 2 * fitted_ || entries < fitted_ / 2) fit_trials(entries);
  for (Trial& trial : trials_) trial.cache->set_limit({.objects = capacity_ >> shift_});
}

int64_t Adaptive::trial_entries(int64_t entries) const {
  return std::clamp(entries / tuning_.entries_share, tuning_.entries_min, tuning_.entries_max);
}

void Adaptive::fit_trials(int64_t entries) {
  fitted_ = entries;
  shift_ = 0;
  while (entries >> (shift_ + 1) >= trial_entries(entries)) ++shift_;
  for (Trial& trial : trials_) {
    trial.cache = std::make_unique<ModelCache>(
        std::make_unique<S3Fifo>(trial.settings, &trial_slab_), ModelCache::Limit{});
    trial.hits = 0;
  }
  std::fill(differences_.begin(), differences_.end(), 0);
  reads_ = 0;
  read_weight_ = 0;
  sample_mask_.store((1U << shift_) - 1, std::memory_order_relaxed);
}

void Adaptive::sampled_read(const Resident& entry, bool hit) {
  if (capacity_ == 0) return;
  ++read_weight_;
  const ModelCache::Object object{entry.place, entry.home};
  uint32_t hits = 0;
  for (size_t i = 0; i < trials_.size(); ++i) {
    Trial& trial = trials_[i];
    if (trial.cache->use(object, entry.now_ms)) {
      ++trial.hits;
      hits |= 1U << i;
    } else if (hit) {
      trial.cache->put(object, entry.now_ms);
    }
  }
  count_differences(hits);
  if (++reads_ < capacity_ >> shift_) return;
  reads_ = 0;
  choose(entry.now_ms);
  fade();
}

// Trials agree on most reads.
void Adaptive::count_differences(uint32_t hits) {
  const uint32_t misses = ~hits & static_cast<uint32_t>((uint64_t{1} << trials_.size()) - 1);
  if (hits == 0 || misses == 0) return;
  for (uint32_t left = hits; left != 0; left &= left - 1) {
    const auto a = static_cast<size_t>(std::countr_zero(left));
    for (uint32_t others = misses; others != 0; others &= others - 1) {
      const auto b = static_cast<size_t>(std::countr_zero(others));
      ++difference(a, b);
      ++difference(b, a);
    }
  }
}

void Adaptive::fade() {
  read_weight_ *= tuning_.fade;
  for (Trial& trial : trials_) trial.hits *= tuning_.fade;
  for (double& each : differences_) each *= tuning_.fade;
}

void Adaptive::choose(int64_t now_ms) {
  const auto best =
      std::max_element(trials_.begin(), trials_.end(),
                       [](const Trial& a, const Trial& b) { return a.hits < b.hits; });
  const Trial& now = trials_[chosen_];
  const auto index = static_cast<size_t>(best - trials_.begin());
  const double saved = best->hits - now.hits;
  const double chance = tuning_.doubt * std::sqrt(difference(index, chosen_));
  if (saved <= tuning_.margin * (read_weight_ - now.hits) || saved <= chance) return;
  note_change(now_ms, now, *best);
  chosen_ = index;
  set_settings(best->settings);
}

void Adaptive::note_change(int64_t now_ms, const Trial& from, const Trial& to) {
  const auto percent = [this](const Trial& trial) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.2f%%", 100 * trial.hits / read_weight_);
    return std::string(digits);
  };
  ++changes_;
  if (history_.size() == kHistoryMax) history_.pop_front();
  history_.push_back({now_ms, name_of(from.settings), name_of(to.settings),
                      "hit ratio of a sample " + percent(to) + ", before " + percent(from)});
}

size_t Adaptive::memory_bytes() const {
  size_t bytes = S3Fifo::memory_bytes() + trial_slab_.used_bytes();
  for (const Trial& trial : trials_) {
    if (trial.cache) bytes += trial.cache->memory_bytes();
  }
  return bytes;
}

std::unique_ptr<EvictionPolicy> make_adaptive(const EvictionOptions& options) {
  return std::make_unique<Adaptive>(Adaptive::usual_settings(), AdaptiveTuning{}, options.slab);
}

}  // namespace larder
