#include "server/engine/activity.h"

#include <algorithm>

#include "base/clock.h"
#include "server/engine/services.h"

namespace larder {
namespace {

std::vector<std::string> shorten(std::span<const Bytes> args) {
  std::vector<std::string> kept;
  const bool cut = args.size() > SlowLog::kArgsMax;
  const size_t count = cut ? SlowLog::kArgsMax - 1 : args.size();
  for (const Bytes arg : args.first(count)) {
    if (arg.size() <= SlowLog::kArgBytesMax) {
      kept.emplace_back(arg);
      continue;
    }
    const size_t more = arg.size() - SlowLog::kArgBytesMax;
    kept.push_back(std::string(arg.substr(0, SlowLog::kArgBytesMax)) + "... (" +
                   std::to_string(more) + " more bytes)");
  }
  if (cut) {
    kept.push_back("... (" + std::to_string(args.size() - count) + " more arguments)");
  }
  return kept;
}

}  // namespace

void SlowLog::add(const Session& session, std::span<const Bytes> args, int64_t us,
                  size_t entries_max) {
  SlowEntry entry{0, unix_ms() / 1000, us, shorten(args), session.address, session.name};
  std::lock_guard lock(mutex_);
  entry.id = next_id_++;
  entries_.push_front(std::move(entry));
  if (entries_.size() > entries_max) entries_.resize(entries_max);
}

std::vector<SlowEntry> SlowLog::newest(int64_t count) const {
  std::lock_guard lock(mutex_);
  const size_t most = count < 0 ? entries_.size() : static_cast<size_t>(count);
  const size_t taken = std::min(most, entries_.size());
  return {entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(taken)};
}

size_t SlowLog::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

void SlowLog::reset() {
  std::lock_guard lock(mutex_);
  entries_.clear();
}

void SlowLog::trim(size_t entries_max) {
  std::lock_guard lock(mutex_);
  if (entries_.size() > entries_max) entries_.resize(entries_max);
}

void LatencyMonitor::add(const std::string& event, int64_t ms) {
  const int64_t now = unix_ms() / 1000;
  std::lock_guard lock(mutex_);
  Series& series = series_[event];
  series.max_ms = std::max(series.max_ms, ms);
  if (!series.samples.empty() && series.samples.back().unix_seconds == now) {
    series.samples.back().ms = std::max(series.samples.back().ms, ms);
    return;
  }
  series.samples.push_back({now, ms});
  if (series.samples.size() > kSamplesMax) series.samples.pop_front();
}

std::map<std::string, LatencyMonitor::Series> LatencyMonitor::series() const {
  std::lock_guard lock(mutex_);
  return series_;
}

size_t LatencyMonitor::reset(const std::vector<std::string>& events) {
  std::lock_guard lock(mutex_);
  if (events.empty()) {
    const size_t dropped = series_.size();
    series_.clear();
    return dropped;
  }
  size_t dropped = 0;
  for (const std::string& event : events) dropped += series_.erase(event);
  return dropped;
}

bool note_latency(Services& services, const char* event, int64_t us) {
  const int64_t ms_min = services.settings.latency_ms_min.load(std::memory_order_relaxed);
  if (ms_min <= 0 || us / 1000 < ms_min) [[likely]] return false;
  services.latency.add(event, us / 1000);
  return true;
}

LatencyTimer::LatencyTimer(Services& services)
    : services_(services),
      began_us_(services.settings.latency_ms_min.load(std::memory_order_relaxed) > 0 ? steady_us()
                                                                                     : 0) {}

void LatencyTimer::end(const char* event) const {
  if (began_us_ > 0) (void)note_latency(services_, event, steady_us() - began_us_);
}

void Rates::sample(const Totals& totals, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  samples_[count_++ % kSamples] = {totals, now_ms};
}

Rates::Totals Rates::per_second() const {
  std::lock_guard lock(mutex_);
  if (count_ < 2) return {};
  const Sample& last = samples_[(count_ - 1) % kSamples];
  const Sample& first = samples_[count_ < kSamples ? 0 : count_ % kSamples];
  const auto ms = static_cast<uint64_t>(std::max<int64_t>(last.at_ms - first.at_ms, 1));
  // CONFIG RESETSTAT makes sums shrink.
  const auto rate = [&](uint64_t Totals::* sum) {
    const uint64_t now = last.totals.*sum;
    const uint64_t before = first.totals.*sum;
    return now > before ? (now - before) * 1000 / ms : 0;
  };
  return {.commands = rate(&Totals::commands),
          .bytes_in = rate(&Totals::bytes_in),
          .bytes_out = rate(&Totals::bytes_out),
          .stream_bytes_in = rate(&Totals::stream_bytes_in),
          .stream_bytes_out = rate(&Totals::stream_bytes_out),
          .rounds = rate(&Totals::rounds),
          .busy_us = rate(&Totals::busy_us)};
}

void ErrorStats::add(Bytes error_text) {
  constexpr size_t kWordMax = 31;  // as in Redis: something longer is no word for a kind of error
  const size_t end = error_text.find_first_of(" \r\n");  // line ends are sent as spaces
  const Bytes kind = end <= kWordMax ? error_text.substr(0, end) : Bytes("ERR");
  std::lock_guard lock(mutex_);
  if (disabled_) return;
  const auto found = counts_.find(kind);
  if (found != counts_.end()) {
    ++found->second;
  } else if (counts_.size() < kKindsMax) {
    counts_.emplace(kind, 1);
  } else {
    disable_locked();
  }
}

void ErrorStats::disable_locked() {
  std::string kinds;
  for (const auto& [kind, count] : counts_) kinds += (kinds.empty() ? "" : ", ") + kind;
  disabled_ = true;
  counts_.clear();
  counts_.emplace("ERRORSTATS_DISABLED", 1);
  if (!warn) return;
  warn("Errorstats stopped adding new errors because the number of errors reached the limit (" +
       std::to_string(kKindsMax) + ").");
  warn("Current errors code list: " + kinds);
}

std::map<std::string, uint64_t> ErrorStats::counts() const {
  std::lock_guard lock(mutex_);
  return {counts_.begin(), counts_.end()};
}

void ErrorStats::reset() {
  std::lock_guard lock(mutex_);
  disabled_ = false;
  counts_.clear();
}

}  // namespace larder
