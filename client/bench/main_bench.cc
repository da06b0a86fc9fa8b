// larder-bench: loads a Redis-protocol server and says how it did.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "client/bench/compare.h"
#include "client/bench/load.h"
#include "client/bench/options.h"
#include "client/bench/report.h"
#include "client/bench/server_probe.h"
#include "client/bench/workload.h"

namespace larder::bench {
namespace {

std::atomic<bool> stop_asked{false};

// The second Ctrl-C ends the program at once.
void on_signal(int number) {
  stop_asked = true;
  ::signal(number, SIG_DFL);
}

struct Target {
  Endpoint endpoint;
  ServerFacts facts;

  std::string name() const {
    return facts.name.empty() ? endpoint.to_text() : endpoint.to_text() + ", " + facts.name;
  }
};

class Bench {
 public:
  explicit Bench(const BenchOptions& options)
      : options_(options),
        progress_(::isatty(STDERR_FILENO) == 1),
        load_(options, progress_, stop_asked) {}

  int run() {
    auto made = make_workload(options_);
    if (!made) return complain(made.error());
    workload_ = std::move(*made);
    return options_.compare ? run_two() : run_one();
  }

 private:
  int run_one() {
    const Target target = target_of(options_.endpoint);
    if (!fill(target)) return 1;
    const auto result = measure(target);
    if (!result) return complain(result.error());
    const Report report{options_, target.name(), workload_->command_names(), *result};
    print(options_.json ? to_json(report) : to_text(report));
    return verdict(target, {summarise(*result)});
  }

  int run_two() {
    const Target a = target_of(options_.endpoint);
    const Target b = target_of(*options_.compare);
    if (!fill(a) || !fill(b)) return 1;
    Comparison comparison{a.name(), b.name(), {}, {}};
    for (unsigned round = 1; round <= options_.rounds && !stop_asked; ++round) {
      const std::string title =
          "round " + std::to_string(round) + " of " + std::to_string(options_.rounds) + ", ";
      if (!take_turn(a, title + "A: ", comparison.a)) return 1;
      if (!take_turn(b, title + "B: ", comparison.b)) return 1;
    }
    print(options_.json ? to_json(comparison) : to_text(comparison));
    return std::max(verdict(a, comparison.a), verdict(b, comparison.b));
  }

  // The code to end with: nobody who measures in a script shall take errors for a result.
  static int verdict(const Target& target, const std::vector<Summary>& rounds) {
    Summary all;
    for (const Summary& round : rounds) {
      all.requests += round.requests;
      all.errors += round.errors;
      all.wrong += round.wrong;
      if (all.first_error.empty()) all.first_error = round.first_error;
    }
    if (all.errors == 0) return all.wrong > 0 ? 1 : 0;
    return complain(target.endpoint.to_text() + " answered " + format_count(all.errors) + " of " +
                    format_count(all.requests) +
                    " requests by errors, the first: " + all.first_error);
  }

  Target target_of(const Endpoint& endpoint) const {
    if (options_.memcached) return {endpoint, {}};
    return {endpoint, look_at_server(endpoint, options_.identity)};
  }

  bool take_turn(const Target& target, std::string title, std::vector<Summary>& rounds) {
    progress_.set_title(std::move(title));
    const auto result = measure(target);
    if (!result) return complain(result.error()) == 0;
    rounds.push_back(summarise(*result));
    return true;
  }

  Result<LoadResult, std::string> measure(const Target& target) {
    return load_.run(
        target.endpoint, target.facts, measured_plan(options_, workload_->command_names().size()),
        [this](unsigned index, unsigned threads) { return workload_->source(index, threads); });
  }

  bool fill(const Target& target) {
    if (!options_.fill) return true;
    const auto all_keys = make_fill(options_);
    if (!all_keys) return complain(all_keys.error()) == 0;
    progress_.set_title("filling " + target.endpoint.to_text() + ": ");
    const auto result = load_.run(
        target.endpoint, {}, fill_plan(options_),
        [&](unsigned index, unsigned threads) { return (*all_keys)->source(index, threads); });
    progress_.set_title({});
    if (!result) return complain(result.error()) == 0;
    const uint64_t errors = result->stats.total().errors;
    if (errors == 0) return true;
    return complain("--fill met " + format_count(errors) +
                    " errors, the first: " + result->stats.first_error) == 0;
  }

  static void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

  static int complain(const std::string& text) {
    std::fprintf(stderr, "larder-bench: %s\n", text.c_str());
    return 1;
  }

  const BenchOptions& options_;
  ProgressLine progress_;
  Load load_;
  std::unique_ptr<Workload> workload_;
};

}  // namespace
}  // namespace larder::bench

int main(int argc, char** argv) {
  larder::bench::BenchOptions options;
  if (const auto code = larder::bench::parse_options(argc, argv, options)) return *code;
  if (options.seed == 0) options.seed = larder::random_seed() >> 32;
  ::signal(SIGINT, larder::bench::on_signal);
  ::signal(SIGTERM, larder::bench::on_signal);
  return larder::bench::Bench(options).run();
}
