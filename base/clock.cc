#include "base/clock.h"

namespace larder {
namespace {

struct Moment {
  int64_t ns;
  uint64_t ticks;
};

// Both clocks at one moment: of some looks the shortest, as a thread may lose its core in between.
Moment look_at_both() {
  constexpr int kLooks = 8;
  Moment best{};
  uint64_t shortest = UINT64_MAX;
  for (int i = 0; i < kLooks; ++i) {
    const uint64_t before = ticks();
    const int64_t ns = steady_ns();
    const uint64_t took = ticks() - before;
    if (took >= shortest) continue;
    shortest = took;
    best = {ns, before + took / 2};
  }
  return best;
}

double measure_ns_per_tick() {
  constexpr int64_t kWindowNs = 2'000'000;
  const Moment start = look_at_both();
  while (steady_ns() - start.ns < kWindowNs) {
  }
  const Moment end = look_at_both();
  return static_cast<double>(end.ns - start.ns) / static_cast<double>(end.ticks - start.ticks);
}

}  // namespace

const double kNsPerTick = measure_ns_per_tick();

}  // namespace larder
