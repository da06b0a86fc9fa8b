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
  virtual ~Workload() = default;
  virtual const std::vector<std::string>& command_names() const = 0;
  // The share of thread `index` of `threads`; the workload outlives it.
  virtual std::unique_ptr<RequestSource> source(unsigned index, unsigned threads) const = 0;
};

using MadeWorkload = Result<std::unique_ptr<Workload>, std::string>;

// The error is a sentence. `options` outlive the workload.
MadeWorkload make_workload(const BenchOptions& options);
// One SET of every key, in order.
MadeWorkload make_fill(const BenchOptions& options);

}  // namespace larder::bench
