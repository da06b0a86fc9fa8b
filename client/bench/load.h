// A load from its first connection to its result.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/bench/load_thread.h"
#include "client/bench/options.h"
#include "client/bench/server_probe.h"
#include "client/bench/source.h"
#include "client/bench/stats.h"

namespace larder::bench {

// A line of a terminal that tells how far we are; nothing elsewhere.
class ProgressLine {
 public:
  explicit ProgressLine(bool terminal) : terminal_(terminal) {}
  ~ProgressLine() { clear(); }
  void show(const std::string& text);
  void clear();
  void set_title(std::string title) { title_ = std::move(title); }

 private:
  const bool terminal_;
  std::string title_;
  bool shown_ = false;
};

struct LoadResult {
  LoadStats stats;
  std::optional<double> server_cpu_s;  // in the time measured
};

class Load {
 public:
  // `stop` ends loads early; what was measured until then is their result. A thread that fails
  // stops the others.
  Load(const BenchOptions& options, ProgressLine& progress, std::atomic<bool>& stop)
      : options_(options), progress_(progress), stop_(stop) {}

  // The plan of all threads together; run() divides it. The error is a sentence.
  Result<LoadResult, std::string> run(const Endpoint& endpoint, const ServerFacts& facts,
                                      const LoadPlan& whole, const SourceFactory& source);

 private:
  using Threads = std::vector<std::unique_ptr<LoadThread>>;

  Threads make_threads(const LoadPlan& whole, const SourceFactory& source);
  std::optional<std::string> connect(const Endpoint& endpoint, Threads& threads);
  std::optional<double> run_all(Threads& threads, const ServerFacts& facts, const LoadPlan& whole,
                                std::vector<char>& good);
  void show(const Threads& threads, const LoadPlan& whole, double elapsed_s, double step_s);

  const BenchOptions& options_;
  ProgressLine& progress_;
  std::atomic<bool>& stop_;
  uint64_t shown_replies_ = 0;
};

// Of the options; `command_count` is the workload's.
LoadPlan measured_plan(const BenchOptions& options, size_t command_count);
// All keys once, as fast as it goes.
LoadPlan fill_plan(const BenchOptions& options);

}  // namespace larder::bench
