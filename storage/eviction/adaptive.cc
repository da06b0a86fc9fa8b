#include "storage/eviction/adaptive.h"

#include <algorithm>
#include <bit>
#include <cstdio>

#include "base/check.h"
#include "storage/eviction/policies.h"

namespace larder {
namespace {

// A smaller cache teaches nothing.
constexpr int64_t kEntriesMin = 16;
// Recency only is for small caches amid scans, where a second queue is room lost. In larger ones
// half a cache for new keys does as well, and every setting tried is one more to win by chance.
constexpr int64_t kRecencyEntriesMax = 1024;
// Changes remembered for EVICTION HISTORY.
constexpr size_t kHistoryMax = 64;
// Longer than the head of a ghost's piece could say anything sensible.
constexpr Bytes kSettingPiece = "setting in force: ";

std::string name_of(const S3Settings& settings) {
  if (settings.clock) return "recency only";
  char name[96];
  std::snprintf(name, sizeof name, "small queue %.0f%%, %u use%s to enter main%s",
                settings.small_share * 100, settings.uses_min, settings.uses_min == 1 ? "" : "s",
                settings.size_weight == 0   ? ""
                : settings.size_weight == 1 ? ", size weighs"
                                            : ", size weighs more");
  return name;
}

}  // namespace

Adaptive::Adaptive(std::vector<S3Settings> settings, const AdaptiveTuning& tuning,
                   const EvictionOptions& options)
    : S3Fifo(settings.front(), options.slab),
      tuning_(tuning),
      lately_(settings.size()),
      tally_(options.tally ? options.tally : std::make_shared<TrialTally>(settings.size(), 1U)),
      by_bytes_(options.goal == EvictionGoal::bytes) {
  CHECK(settings.size() <= 32);
  for (const S3Settings& each : settings) trials_.push_back({each, nullptr});
}

// Half a cache for what is new is never far behind fifo and lru, so it is what to begin with.
std::vector<S3Settings> Adaptive::usual_settings() {
  return {{.small_share = 0.5, .uses_min = 1},
          {.small_share = 0.3, .uses_min = 2},
          {.small_share = 0.01, .uses_min = 1},
          {.small_share = 0.1, .uses_min = 1},
          {.small_share = 0.1, .uses_min = 2},
          {.small_share = 0.2, .uses_min = 1},
          {.small_share = 0.5, .uses_min = 2},
          {.small_share = 0.01, .uses_min = 2},
          {.small_share = 0, .uses_min = 1, .clock = true},
          {.small_share = 0.1, .uses_min = 1, .size_weight = 1},
          {.small_share = 0.1, .uses_min = 1, .size_weight = 2},
          {.small_share = 0.3, .uses_min = 1, .size_weight = 1}};
}

std::string Adaptive::setting() const { return name_of(trials_[chosen_].settings); }

// The first piece names the setting in force.
std::string Adaptive::learned(size_t piece) const {
  return piece == 0 ? std::string(kSettingPiece) + setting() : S3Fifo::learned(piece - 1);
}

void Adaptive::learn(Bytes piece) {
  if (!piece.starts_with(kSettingPiece)) return S3Fifo::learn(piece);
  piece.remove_prefix(kSettingPiece.size());
  for (size_t i = 0; i < trials_.size(); ++i) {
    if (name_of(trials_[i].settings) != piece) continue;
    tally_->choose(i);
    put_into_force(i);
  }
}

void Adaptive::put_into_force(size_t trial) {
  chosen_ = trial;
  set_settings(trials_[trial].settings);
}

ModelCache::Object Adaptive::model_of(const Resident& entry) const {
  const uint32_t bytes = sized_ ? std::max(entry.bytes, 1U) : 1;
  return {.place = entry.place, .home = entry.home, .bytes = bytes};
}

void Adaptive::inserted(Resident& entry) {
  S3Fifo::inserted(entry);
  if ((entry.place & sample_mask()) != 0) return;
  if (by_bytes_) lately_.weight += entry.bytes;
  for (Trial& trial : trials_) {
    if (trial.cache) trial.cache->put(model_of(entry), entry.now_ms);
  }
}

void Adaptive::set_capacity(int64_t entries) {
  if (entries < kEntriesMin) return;
  capacity_ = entries;
  const bool changed = entries > 2 * fitted_ || entries < fitted_ / 2;
  if (changed || (!sized_ && wants_sizes())) fit_trials();
  const ModelCache::Limit limit = trial_limit();
  for (Trial& trial : trials_) {
    if (trial.cache) trial.cache->set_limit(limit);
  }
}

// With sizes, all trials get as many bytes as the one in force needs for its share of the entries.
ModelCache::Limit Adaptive::trial_limit() const {
  const int64_t objects = capacity_ >> shift_;
  const ModelCache& now = *trials_[chosen_].cache;
  if (!sized_ || now.objects() < objects / 2) return {.objects = objects};
  const double mean = static_cast<double>(now.bytes()) / static_cast<double>(now.objects());
  return {.bytes = static_cast<int64_t>(mean * static_cast<double>(objects))};
}

int64_t Adaptive::trial_entries(int64_t entries) const {
  const double trials_bytes = mean_bytes() * static_cast<double>(entries / tuning_.bytes_share);
  const auto paid_for = static_cast<int64_t>(trials_bytes) /
                        (static_cast<int64_t>(trials_.size()) * kTrialEntryBytes);
  const int64_t least = std::clamp(paid_for, tuning_.entries_min, tuning_.entries_max);
  return std::clamp(entries / tuning_.entries_share, least, tuning_.entries_max);
}

void Adaptive::fit_trials() {
  fitted_ = capacity_;
  sized_ = sized_ || wants_sizes();
  const int64_t wanted = trial_entries(fitted_);
  shift_ = 0;
  while (fitted_ >> (shift_ + 1) >= wanted) ++shift_;
  for (Trial& trial : trials_) {
    trial.cache = nullptr;
    if (trial.settings.size_weight != 0 && !sized_) continue;
    if (trial.settings.clock && fitted_ > kRecencyEntriesMax) continue;
    trial.cache = std::make_unique<ModelCache>(
        std::make_unique<S3Fifo>(trial.settings, &trial_slab_), ModelCache::Limit{});
  }
  // Such as recency only, in a cache that has grown.
  if (!trials_[chosen_].cache) {
    tally_->choose(0);
    put_into_force(0);
  }
  tally_->forget();
  lately_.fade(0);
  reads_ = 0;
  sample_mask_.store((1U << shift_) - 1, std::memory_order_relaxed);
}

void Adaptive::sampled_read(const Resident& entry, bool hit) {
  if (capacity_ == 0) return;
  if (const size_t agreed = tally_->chosen(); agreed != chosen_) put_into_force(agreed);
  const ModelCache::Object object = model_of(entry);
  const double worth = by_bytes_ ? entry.bytes : 1;
  if (hit || !by_bytes_) lately_.weight += worth;
  uint32_t hits = 0;
  for (size_t i = 0; i < trials_.size(); ++i) {
    Trial& trial = trials_[i];
    if (!trial.cache) continue;
    if (trial.cache->use(object, entry.now_ms)) {
      lately_.hits[i] += worth;
      hits |= 1U << i;
    } else if (hit) {
      trial.cache->put(object, entry.now_ms);
    }
  }
  count_differences(hits);
  if (++reads_ * tuning_.looks < capacity_ >> shift_) return;
  compare(entry.now_ms);
}

// Trials agree on most reads.
void Adaptive::count_differences(uint32_t hits) {
  const uint32_t misses = ~hits & static_cast<uint32_t>((uint64_t{1} << trials_.size()) - 1);
  if (hits == 0 || misses == 0) return;
  for (uint32_t left = hits; left != 0; left &= left - 1) {
    const auto a = static_cast<size_t>(std::countr_zero(left));
    for (uint32_t others = misses; others != 0; others &= others - 1) {
      const auto b = static_cast<size_t>(std::countr_zero(others));
      ++lately_.difference(a, b);
      ++lately_.difference(b, a);
    }
  }
}

void Adaptive::compare(int64_t now_ms) {
  const double doubt = by_bytes_ ? 0 : tuning_.doubt;
  const TrialTally::Verdict verdict =
      tally_->add(lately_, {.fade = tuning_.fade, .margin = tuning_.margin, .doubt = doubt});
  lately_.fade(0);
  reads_ = 0;
  if (!verdict.changed) return;
  note_change(now_ms, verdict);
  put_into_force(verdict.chosen);
}

void Adaptive::note_change(int64_t now_ms, const TrialTally::Verdict& verdict) {
  char because[96];
  std::snprintf(because, sizeof because, "hit ratio of a sample %.2f%%, before %.2f%%",
                100 * verdict.hit_ratio, 100 * verdict.hit_ratio_before);
  ++changes_;
  if (history_.size() == kHistoryMax) history_.pop_front();
  history_.push_back({now_ms, setting(), name_of(trials_[verdict.chosen].settings), because});
}

size_t Adaptive::memory_bytes() const {
  size_t bytes = S3Fifo::memory_bytes() + trial_slab_.used_bytes();
  for (const Trial& trial : trials_) {
    if (trial.cache) bytes += trial.cache->memory_bytes();
  }
  return bytes;
}

std::shared_ptr<TrialTally> Adaptive::make_tally(unsigned groups) {
  return std::make_shared<TrialTally>(usual_settings().size(), groups);
}

std::unique_ptr<EvictionPolicy> make_adaptive(const EvictionOptions& options) {
  return std::make_unique<Adaptive>(Adaptive::usual_settings(), AdaptiveTuning{}, options);
}

}  // namespace larder
