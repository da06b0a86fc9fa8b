// Where a load's requests come from: a mix of commands, or all keys once. Whatever else makes
// requests (a recorded trace) is one more RequestSource and one more line in the plan.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

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

}  // namespace larder::bench
