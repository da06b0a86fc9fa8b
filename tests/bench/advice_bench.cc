// How far the adviser is off: what it tells under a limit, beside what happens under the limits and
// policies it tells of. Each is a store of its own that reads the whole trace cache-aside.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/in_parallel.h"
#include "storage/eviction/registry.h"
#include "tests/support/aside_cache.h"
#include "trace/trace.h"

namespace larder {
namespace {

constexpr int64_t kMiB = 1024 * 1024;

struct Arguments {
  std::string trace;
  std::string policy = "s3fifo";  // in force where the adviser is asked
  std::vector<double> limits = {2, 4, 8, 16};
  unsigned value_bytes = 64;  // where the trace tells no sizes
  bool policies = false;
  uint64_t seed = 1;  // of the hash, which draws the sample
};

struct Run {
  std::string policy;
  int64_t limit_bytes = 0;
  double hit_ratio = 0;
  EvictionAdvice advice;
};

class Runs {
 public:
  void want(const std::string& policy, int64_t limit_bytes) {
    runs_.try_emplace({policy, limit_bytes}, Run{policy, limit_bytes, 0, {}});
  }
  const Run& of(const std::string& policy, int64_t limit_bytes) const {
    return runs_.at({policy, limit_bytes});
  }
  void replay(const Trace& trace, unsigned value_bytes) {
    std::vector<Run*> waiting;
    for (auto& [name, run] : runs_) waiting.push_back(&run);
    in_parallel(waiting.size(), std::thread::hardware_concurrency(),
                [&](size_t i) { one(trace, value_bytes, *waiting[i]); });
  }

 private:
  static void one(const Trace& trace, unsigned value_bytes, Run& run) {
    AsideCache cache("allkeys-" + run.policy, run.limit_bytes);
    size_t hits = 0;
    char name[24];
    for (const TracedRequest& each : trace.requests) {
      std::snprintf(name, sizeof name, "%012llu",
                    static_cast<unsigned long long>(each.hash % 1'000'000'000'000));
      hits += cache.read(name, trace.sized ? each.bytes : value_bytes);
    }
    run.hit_ratio = static_cast<double>(hits) / static_cast<double>(trace.requests.size());
    run.advice = cache.advice();
  }

  std::map<std::pair<std::string, int64_t>, Run> runs_;
};

int64_t bytes_of(double mib) { return static_cast<int64_t>(mib * static_cast<double>(kMiB)); }

// Estimates of limits below are told, but not taken for the worst.
constexpr double kLeastMiB = 2;

int measure(const Arguments& arguments) {
  Trace trace;
  if (const std::string fault = read_trace(arguments.trace, 0, trace); !fault.empty()) {
    std::fprintf(stderr, "%s\n", fault.c_str());
    return 1;
  }
  Runs runs;
  for (const double limit : arguments.limits) {
    runs.want(arguments.policy, bytes_of(limit));
    for (const double factor : kMemoryFactors) {
      runs.want("s3fifo", bytes_of(limit * factor));
      runs.want("lru", bytes_of(limit * factor));
    }
    if (!arguments.policies) continue;
    for (const EvictionPolicyInfo& policy : eviction_policies()) {
      if (!policy.name.starts_with(kAllPrefix)) continue;
      runs.want(std::string(policy.name.substr(kAllPrefix.size())), bytes_of(limit));
    }
  }
  runs.replay(trace, arguments.value_bytes);
  double worst = 0, square = 0;
  unsigned count = 0;
  for (const double limit : arguments.limits) {
    std::printf("%s, %g MB:", arguments.trace.c_str(), limit);
    std::string policy;
    for (const Estimate& each : runs.of(arguments.policy, bytes_of(limit)).advice.estimates) {
      if (!arguments.policies && each.policy != "s3fifo" && each.policy != "lru") continue;
      const double then = runs.of(each.policy, bytes_of(limit * each.factor)).hit_ratio;
      const double off = 100 * (each.hit_ratio - then);
      if (each.policy != policy) std::printf(" %s", each.policy.c_str());
      policy = each.policy;
      std::printf(" %+.1f", off);
      if (limit * each.factor < kLeastMiB) continue;
      worst = std::max(worst, std::abs(off));
      square += off * off;
      ++count;
    }
    std::printf("\n");
  }
  std::printf("%s: worst from %g MB on %.1f points, in the mean (squares) %.2f\n",
              arguments.trace.c_str(), kLeastMiB, worst, std::sqrt(square / std::max(count, 1U)));
  return 0;
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("How far the adviser's estimates are off on a trace, in points of the hit ratio");
  app.add_option("trace", arguments.trace, "key[,size] a line, may be gzipped")->required();
  app.add_option("--limits", arguments.limits, "maxmemory where it is asked, MiB");
  app.add_option("--policy", arguments.policy, "in force there");
  app.add_option("--value", arguments.value_bytes, "bytes of a value, where the trace tells none");
  app.add_flag("--policies", arguments.policies, "all policies at the present size, too");
  app.add_option("--seed", arguments.seed, "another sample");
  CLI11_PARSE(app, argc, argv);
  seed_hash(arguments.seed);
  return measure(arguments);
}

}  // namespace
}  // namespace larder

int main(int argc, char** argv) { return larder::run(argc, argv); }
