#include "storage/eviction/adaptive.h"

#include <algorithm>
#include <cstdio>

#include "storage/eviction/policies.h"

namespace larder {
namespace {

// A smaller cache teaches nothing.
constexpr int64_t kEntriesMin = 16;
// Changes remembered for EVICTION HISTORY.
constexpr size_t kHistoryMax = 64;

std::string name_of(const S3Settings& settings) {
  char name[64];
  std::snprintf(name, sizeof name, "small queue %.0f%%, %u use%s to enter main",
                settings.small_share * 100, settings.uses_min, settings.uses_min == 1 ? "" : "s");
  return name;
}

}  // namespace

Adaptive::Adaptive(std::vector<S3Settings> settings, const AdaptiveTuning& tuning)
    : S3Fifo(settings.front()), tuning_(tuning) {
  for (const S3Settings& each : settings) trials_.push_back({each, nullptr, 0});
}

std::vector<S3Settings> Adaptive::usual_settings() {
  std::vector<S3Settings> settings{{.small_share = 0.1}};
  for (const double share : {0.01, 0.05, 0.1, 0.2, 0.5, 0.9}) {
    for (const unsigned uses : {1U, 2U}) {
      if (share == 0.1 && uses == 2) continue;
      settings.push_back({.small_share = share, .uses_min = uses});
    }
  }
  return settings;
}

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

void Adaptive::fit_trials(int64_t entries) {
  fitted_ = entries;
  shift_ = 0;
  while (entries >> (shift_ + 1) >= tuning_.trial_entries_min) ++shift_;
  for (Trial& trial : trials_) {
    trial.cache =
        std::make_unique<ModelCache>(std::make_unique<S3Fifo>(trial.settings), ModelCache::Limit{});
    trial.hits = 0;
  }
  reads_ = 0;
  sample_mask_.store((1U << shift_) - 1, std::memory_order_relaxed);
}

void Adaptive::sampled_read(const Resident& entry, bool hit) {
  if (capacity_ == 0) return;
  ++read_weight_;
  const ModelCache::Object object{entry.place, entry.home};
  for (Trial& trial : trials_) {
    if (trial.cache->use(object, entry.now_ms)) {
      ++trial.hits;
    } else if (hit) {
      trial.cache->put(object, entry.now_ms);
    }
  }
  if (static_cast<double>(++reads_) <
      tuning_.fade_turns * static_cast<double>(capacity_ >> shift_)) {
    return;
  }
  reads_ = 0;
  choose(entry.now_ms);
  read_weight_ *= tuning_.fade;
  for (Trial& trial : trials_) trial.hits *= tuning_.fade;
}

void Adaptive::choose(int64_t now_ms) {
  const auto best =
      std::max_element(trials_.begin(), trials_.end(),
                       [](const Trial& a, const Trial& b) { return a.hits < b.hits; });
  if (best->hits <= trials_[chosen_].hits * (1 + tuning_.margin)) return;
  note_change(now_ms, trials_[chosen_], *best);
  chosen_ = static_cast<size_t>(best - trials_.begin());
  set_settings(best->settings);
}

void Adaptive::note_change(int64_t now_ms, const Trial& from, const Trial& to) {
  const auto percent = [this](const Trial& trial) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.2f%%", 100 * trial.hits / read_weight_);
    return std::string(digits);
  };
  if (history_.size() == kHistoryMax) history_.pop_front();
  history_.push_back({now_ms, name_of(from.settings), name_of(to.settings),
                      "hit ratio of a sample " + percent(to) + ", before " + percent(from)});
}

size_t Adaptive::memory_bytes() const {
  size_t bytes = S3Fifo::memory_bytes();
  for (const Trial& trial : trials_) {
    if (trial.cache) bytes += trial.cache->memory_bytes();
  }
  return bytes;
}

std::unique_ptr<EvictionPolicy> make_adaptive(const EvictionOptions&) {
  return std::make_unique<Adaptive>(Adaptive::usual_settings(), AdaptiveTuning{});
}

}  // namespace larder
