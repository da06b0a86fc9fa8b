// Which commands a load is made of, and how many of each.
//
//   --ratio 1:10                           1 SET for 10 GETs
//   --command 'SET __key__ __data__:3, GET __key__:7'
//                                          words and weight; a weight of 1 may be left out.
//                                          Quotes keep a comma or a colon that is meant as such
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace larder::bench {

struct WeightedCommand {
  std::vector<std::string> words;
  unsigned weight = 1;

  std::string name() const;  // its words with spaces in between
};

using Mix = std::vector<WeightedCommand>;

// Weights are drawn from a wheel with a place for each; this many are enough for 0.01%.
inline constexpr unsigned kWeightsMax = 10'000;

// SET and GET in that ratio; with `ttl`, the SETs have an expiry. The error is a sentence.
Result<Mix, std::string> parse_ratio(Bytes text, bool ttl);
Result<Mix, std::string> parse_commands(Bytes text);

}  // namespace larder::bench
