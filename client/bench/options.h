// What larder-bench is told on its command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/bench/distribution.h"
#include "client/bench/mix.h"
#include "client/bench/recipe.h"
#include "client/bench/values.h"
#include "client/handshake.h"
#include "client/transport.h"

namespace larder::bench {

struct BenchOptions {
  Endpoint endpoint;
  Identity identity{.resp3 = false};
  bool memcached = false;
  double timeout_s = 30;

  unsigned connections = 50;
  unsigned threads = 1;
  unsigned pipeline = 1;
  bool multi = false;  // each batch of `pipeline` requests between MULTI and EXEC
  double requests_per_s = 0;  // 0: as many as possible
  Mix mix;
  std::string replay;  // a trace's file, instead of the mix
  uint64_t seed = 0;   // 0: another one each time

  uint64_t keys = 1'000'000;
  KeyNames names;
  Distribution key_distribution;
  SizeRange data_bytes;
  Distribution data_distribution;
  TtlRange ttl;

  bool fill = false;
  double warm_up_s = 0;
  double seconds = 0;     // 0: no limit but `requests`
  uint64_t requests = 0;  // 0: no limit but `seconds`
  bool verify = false;

  bool json = false;
  double slow_ms = 5;
  std::optional<Endpoint> compare;
  unsigned rounds = 5;
};

// Reads "60" or "1-5" or "0.5-2.5", seconds. The error is a sentence.
Result<TtlRange, std::string> parse_ttl(Bytes text);

// Fills `options`, or returns the code to end with: 0 after --help, 1 after a mistake that was
// reported.
std::optional<int> parse_options(int argc, const char* const* argv, BenchOptions& options);

}  // namespace larder::bench
