// The requests that the options ask for, ready to be handed to threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/bench/options.h"
#include "client/bench/source.h"

namespace larder::bench {

class Workload {
 public:
  // The error is a sentence. `options` outlive the workload.
  static Result<std::unique_ptr<Workload>, std::string> make(const BenchOptions& options);
  // One SET of every key, in order.
  static Result<std::unique_ptr<Workload>, std::string> make_fill(const BenchOptions& options);

  const std::vector<std::string>& command_names() const { return command_names_; }
  // The share of thread `index` of `threads`; the workload outlives it.
  std::unique_ptr<RequestSource> source(unsigned index, unsigned threads) const;

 private:
  Workload(const BenchOptions& options, const Distribution& key_distribution);
  static Result<std::unique_ptr<Workload>, std::string> make(const BenchOptions& options,
                                                             const Mix& mix,
                                                             const Distribution& key_distribution);

  const BenchOptions& options_;
  Distribution key_distribution_;
  Values values_;
  uint64_t seed_;
  std::vector<MixSource::Command> commands_;
  std::vector<std::string> command_names_;
};

}  // namespace larder::bench
