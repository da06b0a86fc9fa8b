// The count of HRANDFIELD, SRANDMEMBER and ZRANDMEMBER: so many different elements, or with a
// minus so many draws, where one element may come again.
#pragma once

#include <cstdint>
#include <limits>

#include "server/engine/args.h"
#include "storage/keyspace.h"

namespace larder {

struct RandomCount {
  uint64_t count = 0;
  bool distinct = true;

  // Redis counts names and values in one long.
  bool can_double() const { return count <= std::numeric_limits<int64_t>::max() / 2; }
};

inline RandomCount take_random_count(Args& args) {
  const int64_t count = args.integer();
  if (args.ok() && count == std::numeric_limits<int64_t>::min()) {
    args.fail(
        "ERR value is out of range, value must between -9223372036854775807 and "
        "9223372036854775807");
  }
  if (!args.ok()) return {};
  return {static_cast<uint64_t>(count < 0 ? -count : count), count >= 0};
}

// Where draws are made from: the value of a key.
struct DrawSource {
  Keyspace& keys;
  const Key& key;
  Item item;
  int64_t now_ms;
  Random& random;
};
// Writes a random element, a pair as open_pair says. Returns false when there is none.
using Draw = bool (*)(const DrawSource& source, bool pairs, ReplyWriter& reply);

// Writes `count` draws, with their values or scores if `pairs`. The key is of `type`, or missing.
// Many are made in slices, see SlicedRead.
// Fails: out of range when the reply would be of kDrawBytesMax or more.
Status reply_draws(Call& call, const Key& key, Type type, uint64_t count, bool pairs, Draw draw);

// RESP3 nests an element and what belongs to it.
inline void open_pair(ReplyWriter& reply, bool pairs) {
  if (pairs && reply.version() >= 3) reply.array(2);
}

// Draws with repetition are not bounded by the collection. No client wants a GiB of them, and it
// must not fill the memory; Redis has no such limit.
inline constexpr size_t kDrawBytesMax = size_t{1} << 30;

}  // namespace larder
