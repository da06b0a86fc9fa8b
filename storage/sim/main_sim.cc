// larder-sim: what would the hit ratio have been? Replays a trace on the server's own eviction
// policies, without values and without a network.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "base/version.h"
#include "storage/eviction/registry.h"
#include "storage/sim/replay.h"
#include "storage/sim/report.h"

namespace larder::sim {
namespace {

struct Arguments {
  std::string trace;
  std::vector<std::string> policies{"adaptive", "s3fifo", "lru", "fifo"};
  std::vector<std::string> sizes{"0.1%", "1%", "10%", "30%"};
  bool by_bytes = false;
  bool json = false;
  std::string plot;
  std::string goal = "objects";
  size_t limit = 0;
  ReplayOptions replay;
};

int complain(const std::string& what) {
  std::fprintf(stderr, "larder-sim: %s\n", what.c_str());
  return 1;
}

// A line on the terminal that is drawn over while the runs go on.
class ProgressBar {
 public:
  ProgressBar(const std::atomic<uint64_t>& done, uint64_t all)
      : thread_([this, &done, all] {
          while (!stop_) {
            draw(done, all);
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
          }
          std::fprintf(stderr, "\r\033[K");
        }) {}
  ~ProgressBar() {
    stop_ = true;
    thread_.join();
  }

 private:
  static void draw(uint64_t done, uint64_t all) {
    constexpr int kColumns = 40;
    const double part = all == 0 ? 1 : static_cast<double>(done) / static_cast<double>(all);
    std::fprintf(stderr, "\r[%-*.*s] %3.0f%%", kColumns, static_cast<int>(part * kColumns),
                 "########################################", part * 100);
  }

  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void declare(CLI::App& app, Arguments& arguments) {
  app.set_version_flag("-v,--version", "larder-sim " + std::string(kLarderVersion));
  app.add_option("trace", arguments.trace,
                 "Lines of key[,size[,ttl]], plain or gzip; every line is a read that fills the "
                 "cache on a miss")
      ->required();
  app.add_option("--policy,-p", arguments.policies,
                 "Policies, separated by commas: " + eviction_policy_names())
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--size,-s", arguments.sizes,
                 "Sizes, separated by commas: objects (1000), a share of the distinct keys (10%), "
                 "or bytes (64mb)")
      ->delimiter(',')
      ->capture_default_str();
  app.add_flag("--by-bytes,-b", arguments.by_bytes, "A share is of the bytes, not of the keys");
  app.add_option("--goal", arguments.goal, "What policies that weigh sizes aim at")
      ->check(CLI::IsMember({"objects", "bytes"}))
      ->capture_default_str();
  app.add_option("--samples", arguments.replay.eviction.samples,
                 "Keys looked at by policies without queues")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--limit,-n", arguments.limit, "Read so many requests; 0: all");
  app.add_option("--requests-per-second", arguments.replay.requests_per_s,
                 "How fast the trace's time goes, for its TTLs")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30))
      ->capture_default_str();
  app.add_option("--threads,-t", arguments.replay.threads, "Runs at the same time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_flag("--json", arguments.json, "Print JSON");
  app.add_option("--plot", arguments.plot, "Draw the miss-ratio curves into an .svg or .png file");
}

// Returns what is wrong, or nothing.
std::string check_policies(const Arguments& arguments) {
  for (const std::string& policy : arguments.policies) {
    if (find_policy_maker(policy) != nullptr) continue;
    return "there is no policy '" + policy + "', but: " + eviction_policy_names();
  }
  return "";
}

std::string make_runs(const Arguments& arguments, const Trace& trace, std::vector<Run>& runs) {
  for (const std::string& policy : arguments.policies) {
    for (const std::string& size : arguments.sizes) {
      Run run{.policy = policy, .size_text = size};
      std::string error = parse_size(size, trace, arguments.by_bytes, run.limit);
      if (!error.empty()) return error;
      runs.push_back(std::move(run));
    }
  }
  return "";
}

int simulate(Arguments& arguments) {
  Trace trace;
  std::vector<Run> runs;
  std::string error = check_policies(arguments);
  if (error.empty() && !arguments.plot.empty()) error = check_plot(arguments.plot);
  if (error.empty()) error = read_trace(arguments.trace, arguments.limit, trace);
  if (error.empty()) error = make_runs(arguments, trace, runs);
  if (!error.empty()) return complain(error);
  arguments.replay.eviction.goal =
      arguments.goal == "bytes" ? EvictionGoal::bytes : EvictionGoal::objects;
  std::atomic<uint64_t> done{0};
  {
    std::unique_ptr<ProgressBar> bar;
    if (::isatty(STDERR_FILENO) == 1) {
      bar = std::make_unique<ProgressBar>(done, trace.requests.size() * runs.size());
    }
    replay_all(trace, arguments.replay, runs, done);
  }
  const std::string text =
      arguments.json ? to_json(arguments.trace, trace, runs) : to_table(runs, trace.sized);
  std::fputs(text.c_str(), stdout);
  if (arguments.plot.empty()) return 0;
  error = plot(arguments.trace, runs, arguments.plot);
  return error.empty() ? 0 : complain(error);
}

}  // namespace
}  // namespace larder::sim

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  CLI::App app{
      "Replays a trace of requests on Larder's eviction policies and tells their miss "
      "ratios.",
      "larder-sim"};
  larder::sim::Arguments arguments;
  larder::sim::declare(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : 1;
  }
  return larder::sim::simulate(arguments);
}
