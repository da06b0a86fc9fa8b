// Where a load's requests come from: a mix of commands, all keys once, or a recorded trace
// (trace_workload.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/bench/answers.h"
#include "client/bench/mix.h"
#include "client/bench/recipe.h"
#include "protocol/output.h"

namespace larder::bench {

// What has to be known of a request when its reply comes.
struct Ticket {
  uint64_t key = 0;
  uint32_t command = 0;  // its place in the list of commands
};

// One per thread.
class RequestSource {
 public:
  virtual ~RequestSource() = default;
  // Appends the next request to `out`. False when there are no more.
  virtual bool next(Output& out, Ticket& ticket) = 0;
  // Whether `value`, the reply to that request, is what it has to be; true when nobody can know.
  virtual bool expects(const Ticket& ticket, Bytes value) const = 0;
  // The reply to that request came. What is asked next may depend on it.
  virtual void answered(const Ticket& /*ticket*/, const Answer& /*answer*/) {}
};

// Makes the source of thread `index` of `threads`.
using SourceFactory =
    std::function<std::unique_ptr<RequestSource>(unsigned index, unsigned threads)>;

// Commands drawn by weight, for ever.
class MixSource : public RequestSource {
 public:
  struct Command {
    Recipe recipe;
    unsigned weight;
  };

  // `commands` outlive the source.
  MixSource(const std::vector<Command>& commands, Fillings fillings);
  bool next(Output& out, Ticket& ticket) override;
  bool expects(const Ticket& ticket, Bytes value) const override;

 private:
  const std::vector<Command>& commands_;
  std::vector<uint32_t> wheel_;  // each command as often as it weighs
  Fillings fillings_;
};

// Another source's requests, `size` at a time between MULTI and EXEC.
class TransactionSource : public RequestSource {
 public:
  // What MULTI and EXEC add to each transaction.
  static constexpr unsigned kFrameRequests = 2;

  // MULTI and EXEC are commands `first_command` and the one behind it.
  TransactionSource(std::unique_ptr<RequestSource> source, unsigned size, uint32_t first_command)
      : source_(std::move(source)), size_(size), first_command_(first_command) {}
  bool next(Output& out, Ticket& ticket) override;
  bool expects(const Ticket& /*ticket*/, Bytes /*value*/) const override { return true; }

 private:
  std::unique_ptr<RequestSource> source_;
  const unsigned size_;
  const uint32_t first_command_;
  unsigned done_ = 0;  // of this transaction, MULTI included
};

}  // namespace larder::bench
