#include "base/clock.h"

namespace larder {
namespace {

double measure_ns_per_tick() {
  constexpr int64_t kWindowNs = 2'000'000;
  const int64_t start_ns = steady_ns();
  const uint64_t start = ticks();
  int64_t now_ns = start_ns;
  while (now_ns - start_ns < kWindowNs) now_ns = steady_ns();
  return static_cast<double>(now_ns - start_ns) / static_cast<double>(ticks() - start);
}

}  // namespace

const double kNsPerTick = measure_ns_per_tick();

}  // namespace larder
