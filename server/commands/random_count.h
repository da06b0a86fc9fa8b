// The count of HRANDFIELD, SRANDMEMBER and ZRANDMEMBER: so many different elements, or with a
// minus so many draws, where one element may come again.
#pragma once

#include <cstdint>
#include <limits>

#include "server/commands/args.h"

namespace larder {

struct RandomCount {
  // Draws with repetition are not bounded by the collection, only by this: it keeps one request
  // from filling the memory or holding a shard for seconds. Redis has no such limit.
  static constexpr uint64_t kDrawsMax = uint64_t{1} << 22;

  uint64_t count = 0;
  bool distinct = true;

  bool answerable() const { return distinct || count <= kDrawsMax; }
  // Redis counts names and values in one long.
  bool can_double() const { return count <= std::numeric_limits<int64_t>::max() / 2; }
};

inline RandomCount take_random_count(Args& args) {
  const int64_t count = args.integer();
  if (args.ok() && count == std::numeric_limits<int64_t>::min()) {
    args.fail("ERR value is out of range, value must between -9223372036854775807 and "
              "9223372036854775807");
  }
  if (!args.ok()) return {};
  return {static_cast<uint64_t>(count < 0 ? -count : count), count >= 0};
}

}  // namespace larder
