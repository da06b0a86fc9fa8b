// What the sorted set families share: the type check, limits, bounds of ranges, replies of pairs.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "server/commands/random_count.h"
#include "server/engine/args.h"
#include "server/engine/call.h"
#include "server/engine/errors.h"
#include "server/engine/key_types.h"
#include "storage/sorted_sets.h"

namespace larder {

// True for a missing key too: commands treat it as an empty set.
inline bool is_sorted_set(Item item) { return is_type(item, Type::sorted_set); }

inline SortedSetLimits sorted_set_limits(Call& call) {
  const LiveSettings& settings = call.settings();
  return {static_cast<size_t>(settings.zset_pack_members.load(std::memory_order_relaxed)),
          static_cast<size_t>(settings.zset_pack_member_bytes.load(std::memory_order_relaxed))};
}

inline SortedSetEditor edit_sorted_set(Call& call, const Key& key, Item item) {
  return {call.keyspace(key), key, item, sorted_set_limits(call)};
}

// The header of an array of members, with their scores or without. RESP3 nests the pairs.
inline void open_members(ReplyWriter& reply, size_t count, bool with_scores) {
  reply.array(with_scores && reply.version() < 3 ? count * 2 : count);
}
inline void reply_member(ReplyWriter& reply, Bytes member, double score, bool with_scores) {
  open_pair(reply, with_scores);
  reply.bulk(member);
  if (with_scores) reply.number(score);
}

// Ends a change of a set: tells the event, and the removal of the key when nothing is left.
inline void end_change(Call& call, const Key& key, SortedSetEditor& set, const char* event) {
  const bool gone = set.finish();
  call.changed(event, key);
  if (gone) call.also("del", key);
}

struct AddOptions {
  bool absent = false, present = false;  // NX, XX
  bool greater = false, less = false;    // GT, LT
  bool count_changed = false;            // CH
  bool increment = false;                // INCR: one member only
};
struct NewScore {
  double score;
  Bytes member;
};
// What ZADD does, its reply included; `pairs` is not empty.
Status add_members(Call& call, const Key& key, const AddOptions& options,
                   std::span<const NewScore> pairs);

// Stores the result of a command under `target`; an empty one removes what is there. Returns its
// size.
size_t store_members(Call& call, const Key& target, const std::vector<ScoredMember>& members,
                     const char* event);

// "5", "(5", "-inf": a bound of a range of scores.
std::optional<ScoreRange> parse_score_range(Bytes min, Bytes max);
// "[a", "(a", "-", "+": a bound of a range of names.
std::optional<NameRange> parse_name_range(Bytes min, Bytes max);
inline constexpr const char* kBadScoreRange = "ERR min or max is not a float";
inline constexpr const char* kBadNameRange = "ERR min or max not valid string range item";

}  // namespace larder
