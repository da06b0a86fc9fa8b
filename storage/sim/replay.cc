#include "storage/sim/replay.h"

#include <algorithm>
#include <cmath>

#include "base/in_parallel.h"
#include "base/numbers.h"
#include "storage/eviction/registry.h"

namespace larder::sim {
namespace {

constexpr int64_t kCountEvery = 4096;

void replay(const Trace& trace, const ReplayOptions& options, Run& run,
            std::atomic<uint64_t>& done) {
  ModelCache cache(find_policy_maker(run.policy)(options.eviction), run.limit,
                   options.eviction.samples);
  for (const TracedRequest& request : trace.requests) {
    const int64_t now_ms = run.requests * 1000 / options.requests_per_s;
    const ModelCache::Object object{
        .place = static_cast<uint32_t>(request.hash >> 32),
        .home = static_cast<uint8_t>(request.hash & 15),
        .bytes = request.bytes,
        .expiry_ms = request.ttl_s == 0 ? -1 : now_ms + int64_t{request.ttl_s} * 1000};
    ++run.requests;
    run.requested_bytes += request.bytes;
    if (!cache.use(object, now_ms)) {
      ++run.misses;
      run.missed_bytes += request.bytes;
      cache.put(object, now_ms);
    }
    if (run.requests % kCountEvery == 0) done.fetch_add(kCountEvery, std::memory_order_relaxed);
  }
  run.policy_bytes = cache.policy().memory_bytes();
}

double scale_of(const std::string& unit) {
  if (unit == "b") return 1;
  if (unit == "kb") return 1024;
  if (unit == "mb") return 1024.0 * 1024;
  return unit == "gb" ? 1024.0 * 1024 * 1024 : 0;
}

}  // namespace

void replay_all(const Trace& trace, const ReplayOptions& options, std::vector<Run>& runs,
                std::atomic<uint64_t>& done) {
  in_parallel(runs.size(), options.threads,
              [&](size_t i) { replay(trace, options, runs[i], done); });
}

std::string parse_size(const std::string& text, const Trace& trace, bool by_bytes,
                       ModelCache::Limit& limit) {
  const std::string wrong = "'" + text + "' is no size: 1000, 10% or 64mb, at least 1";
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto value = parse_double(Bytes(text).substr(0, digits));
  const std::string unit = text.substr(digits);
  if (!value || *value <= 0) return wrong;
  if (unit == "%") {
    const int64_t whole = by_bytes ? trace.distinct_bytes : trace.distinct;
    const int64_t part = std::llround(*value / 100 * static_cast<double>(whole));
    (by_bytes ? limit.bytes : limit.objects) = std::max<int64_t>(part, 1);
    return "";
  }
  const double amount = unit.empty() ? *value : *value * scale_of(unit);
  if (amount < 1 || amount > 1e15) return wrong;
  (unit.empty() ? limit.objects : limit.bytes) = static_cast<int64_t>(amount);
  return "";
}

}  // namespace larder::sim
