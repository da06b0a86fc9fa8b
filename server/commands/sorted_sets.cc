// Sorted sets: members and their scores one by one. Ranges are in sorted_set_ranges.cc, pops in
// sorted_set_pops.cc, unions and the like in sorted_set_algebra.cc.
// Source: https://redis.io/docs/latest/commands/?group=sorted-set
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/numbers.h"
#include "server/commands/element_scan.h"
#include "server/commands/families.h"
#include "server/commands/random_count.h"
#include "server/commands/sorted_set_values.h"

namespace larder {
namespace {

AddOptions parse_add(Args& args, bool increment) {
  AddOptions options{.increment = increment};
  while (args.more()) {
    if (args.take("NX"))
      options.absent = true;
    else if (args.take("XX"))
      options.present = true;
    else if (args.take("GT"))
      options.greater = true;
    else if (args.take("LT"))
      options.less = true;
    else if (args.take("CH"))
      options.count_changed = true;
    else if (args.take("INCR"))
      options.increment = true;
    else
      break;
  }
  if (args.left() == 0 || args.left() % 2 != 0) args.reject();
  if (options.absent && options.present) {
    args.fail("ERR XX and NX options at the same time are not compatible");
  }
  if ((options.absent && (options.greater || options.less)) || (options.greater && options.less)) {
    args.fail("ERR GT, LT, and/or NX options at the same time are not compatible");
  }
  if (options.increment && args.left() > 2) {
    args.fail("ERR INCR option supports a single increment-element pair");
  }
  return options;
}

// What happened to the members of a ZADD.
struct AddOutcome {
  int64_t added = 0, updated = 0;
  bool applied = false;  // false: a condition did not hold for the last member
  double score = 0;      // of the last member
  bool not_a_number = false;
};

void add_pair(SortedSetEditor& set, const AddOptions& options, const NewScore& pair,
              AddOutcome& outcome) {
  outcome.applied = false;
  set.update(pair.member, [&](std::optional<double> old) -> std::optional<double> {
    if (old ? options.absent : options.present) return {};
    double score = pair.score;
    if (old && options.increment) score += *old;
    outcome.not_a_number = std::isnan(score);
    if (outcome.not_a_number) return {};
    if (old && options.less && score >= *old) return {};
    if (old && options.greater && score <= *old) return {};
    outcome.applied = true;
    outcome.score = score;
    if (old && *old == score) return {};
    ++(old ? outcome.updated : outcome.added);
    return score;
  });
}

void reply_added(ReplyWriter& reply, const AddOptions& options, const AddOutcome& outcome) {
  if (!options.increment) {
    return reply.integer(outcome.added + (options.count_changed ? outcome.updated : 0));
  }
  outcome.applied ? reply.number(outcome.score) : reply.null();
}

Status add(Call& call, bool increment) {
  Args args(call);
  const Key key = args.key();
  const AddOptions options = parse_add(args, increment);
  std::vector<NewScore> pairs;
  while (args.more()) {
    const double score = args.number();
    pairs.push_back({score, args.bytes()});
  }
  if (!args.ok()) return args.error();
  return add_members(call, key, options, pairs);
}

}  // namespace

Status add_members(Call& call, const Key& key, const AddOptions& options,
                   std::span<const NewScore> pairs) {
  const Item item = call.find_to_write(key);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  AddOutcome outcome;
  if (item || !options.present) {
    SortedSetEditor set = edit_sorted_set(call, key, item);
    set.expect(pairs.size(), pairs[0].member.size());
    for (const NewScore& pair : pairs) {
      add_pair(set, options, pair, outcome);
      if (outcome.not_a_number) {
        return Status::error("ERR resulting score is not a number (NaN)");
      }
    }
    set.finish();
    if (const int64_t changes = outcome.added + outcome.updated; changes > 0) {
      call.changed(options.increment ? "zincr" : "zadd", key);
      call.count_changes(static_cast<uint64_t>(changes));
    }
  }
  reply_added(call.reply(), options, outcome);
  return Status::ok();
}

namespace {

Status zadd(Call& call) { return add(call, false); }
Status zincrby(Call& call) { return add(call, true); }

Status zrem(Call& call) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  size_t removed = 0;
  if (item) {
    SortedSetEditor set = edit_sorted_set(call, key, item);
    for (const Bytes member : call.args().subspan(2)) removed += set.remove(member) ? 1 : 0;
    if (removed > 0) {
      end_change(call, key, set, "zrem");
      call.count_changes(removed);
    }
  }
  call.reply().integer(static_cast<int64_t>(removed));
  return Status::ok();
}

void reply_score(ReplyWriter& reply, std::optional<double> score) {
  score ? reply.number(*score) : reply.null();
}

Status zscore(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  reply_score(call.reply(), SortedSetView(item).score_of(call.arg(2)));
  return Status::ok();
}

Status zmscore(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  const auto members = call.args().subspan(2);
  call.reply().array(members.size());
  for (const Bytes member : members) {
    reply_score(call.reply(), SortedSetView(item).score_of(member));
  }
  return Status::ok();
}

Status zcard(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  call.reply().integer(static_cast<int64_t>(SortedSetView(item).size()));
  return Status::ok();
}

Status rank(Call& call, bool reverse) {
  Args args(call);
  const Key key = args.key();
  const Bytes member = args.bytes();
  const bool with_score = args.take("WITHSCORE");
  if (call.arg_count() > 4) {
    return Status::error("ERR wrong number of arguments for '" + call.command().name + "' command");
  }
  if (args.more()) args.reject();
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  const SortedSetView set(item);
  const auto found = set.rank_of(member);
  ReplyWriter& reply = call.reply();
  if (!found) {
    with_score ? reply.null_array() : reply.null();
    return Status::ok();
  }
  if (with_score) reply.array(2);
  reply.integer(static_cast<int64_t>(reverse ? set.size() - 1 - *found : *found));
  if (with_score) reply.number(*set.score_of(member));
  return Status::ok();
}

Status zrank(Call& call) { return rank(call, false); }
Status zrevrank(Call& call) { return rank(call, true); }

// `count` different ranks below `size`, in order. Source: R. Floyd in J. Bentley, "More Programming
// Pearls", column 13.
std::vector<size_t> draw_ranks(Random& random, size_t size, size_t count) {
  std::unordered_set<size_t> drawn;
  for (size_t i = size - count; i < size; ++i) {
    const size_t rank = random.below(i + 1);
    drawn.insert(drawn.contains(rank) ? i : rank);
  }
  std::vector<size_t> ranks(drawn.begin(), drawn.end());
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

void reply_rank(ReplyWriter& reply, const SortedSetView& set, size_t rank, bool with_scores) {
  set.each({rank, rank + 1}, false,
           [&](Bytes member, double score) { reply_member(reply, member, score, with_scores); });
}

bool draw_member(const DrawSource& from, bool with_scores, ReplyWriter& reply) {
  const SortedSetView set(from.item);
  reply_rank(reply, set, from.random.below(set.size()), with_scores);
  return true;
}

void reply_sample(Call& call, const SortedSetView& set, size_t count, bool with_scores) {
  const size_t size = set.size();
  count = std::min(count, size);
  open_members(call.reply(), count, with_scores);
  if (count == size) {
    set.each([&](Bytes member, double score) {
      reply_member(call.reply(), member, score, with_scores);
    });
  } else {
    for (const size_t rank : draw_ranks(call.random(), size, count)) {
      reply_rank(call.reply(), set, rank, with_scores);
    }
  }
}

Status zrandmember(Call& call) {
  Args args(call);
  const Key key = args.key();
  const bool counted = args.more();
  const RandomCount count = counted ? take_random_count(args) : RandomCount{1, true};
  const bool with_scores = counted && args.take("WITHSCORES");
  if (args.more()) args.reject();
  if (with_scores && !count.can_double()) args.fail(errors::kOutOfRange);
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  const SortedSetView set(item);
  if (!count.distinct) {
    return reply_draws(call, key, Type::sorted_set, count.count, with_scores, draw_member);
  }
  if (!item) {
    counted ? call.reply().array(0) : call.reply().null();
  } else if (!counted) {
    reply_rank(call.reply(), set, call.random().below(set.size()), false);
  } else {
    reply_sample(call, set, count.count, with_scores);
  }
  return Status::ok();
}

// ZSCAN prints the score of a big set with 17 digits, as Redis does.
Bytes scan_score(double score, bool big, char* out) {
  if (!big || std::isinf(score)) return {out, format_double(score, out)};
  return {out, static_cast<size_t>(std::snprintf(out, kDoubleTextMax, "%.17g", score))};
}

void reply_scanned(ReplyWriter& reply, Bytes member, double score, bool big) {
  char text[kDoubleTextMax];
  reply.bulk(member);
  reply.bulk(scan_score(score, big, text));
}

void scan_big(ReplyWriter& reply, SortedSetObject& set, const ElementScan& scan) {
  std::vector<const Element*> found;
  const auto any = [](const Element&) { return true; };
  reply_scan_cursor(reply, scan_table(set.table(), scan, any, found));
  reply.array(found.size() * 2);
  for (const Element* each : found) {
    reply_scanned(reply, each->key(), SortedSetObject::score_in(each), true);
  }
}

void scan_small(ReplyWriter& reply, const SortedSetView& set, const ElementScan& scan) {
  reply_scan_cursor(reply, 0);
  const size_t mark = reply.open();
  size_t found = 0;
  set.each([&](Bytes member, double score) {
    if (!scan.wants(member)) return;
    reply_scanned(reply, member, score, false);
    ++found;
  });
  reply.close_array(mark, found * 2);
}

Status zscan(Call& call) {
  Args args(call);
  ElementScan scan;
  const Key key = args.key();
  scan.cursor = take_cursor(args);
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!item) return reply_empty_scan(call);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  take_scan_options(args, scan, false);
  if (!args.ok()) return args.error();
  const SortedSetView set(item);
  SortedSetObject* big = set.object();
  big != nullptr ? scan_big(call.reply(), *big, scan) : scan_small(call.reply(), set, scan);
  return Status::ok();
}

constexpr Acl kRead = Acl::read | Acl::sortedset;
constexpr Acl kWrite = Acl::write | Acl::sortedset;

constexpr CommandSpec reader(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                             Bytes complexity, Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = complexity,
          .group = "sorted-set",
          .arity = arity,
          .flags = Flag::readonly | Flag::fast,
          .keys = key_at(1, KeyUse::read_only_access),
          .acl = kRead | Acl::fast,
          .run = run};
}

// Readers that take longer, or look at the set as a whole.
constexpr CommandSpec with(CommandSpec card, Flag flags, Acl acl, KeyUse use) {
  card.flags = flags;
  card.acl = acl;
  card.keys = key_at(1, use);
  return card;
}

constexpr CommandSpec writer(Bytes name, Bytes syntax, Bytes summary, Bytes since, int arity,
                             Bytes complexity, KeyUse use, Flag oom, Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = complexity,
          .group = "sorted-set",
          .arity = arity,
          .flags = Flag::write | Flag::fast | oom,
          .keys = key_at(1, use),
          .acl = kWrite | Acl::fast,
          .run = run};
}

constexpr Bytes kEach = "O(log(N)) for each member";
constexpr Acl kReadSlow = kRead | Acl::slow;

constexpr auto kFamily = family({
    writer("ZADD", "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
           "Adds members with their scores, or gives them other scores.", "1.2.0", at_least(4),
           kEach, KeyUse::read_write_update, Flag::deny_oom, zadd),
    writer("ZINCRBY", "key increment member", "Adds to the score of a member.", "1.2.0",
           exactly(4), "O(log(N))", KeyUse::read_write_access_update, Flag::deny_oom, zincrby),
    writer("ZREM", "key member [member ...]", "Removes members.", "1.2.0", at_least(3), kEach,
           KeyUse::read_write_delete, Flag::none, zrem),
    reader("ZSCORE", "key member", "Returns the score of a member.", "1.2.0", exactly(3), "O(1)",
           zscore),
    reader("ZMSCORE", "key member [member ...]", "Returns the scores of several members.",
           "6.2.0", at_least(3), "O(1) for each member", zmscore),
    with(reader("ZCARD", "key", "Returns the number of members.", "1.2.0", exactly(2), "O(1)",
                zcard),
         Flag::readonly | Flag::fast, kRead | Acl::fast, KeyUse::read_only),
    reader("ZRANK", "key member [WITHSCORE]", "Returns how many members have a lower score.",
           "2.0.0", at_least(3), "O(log(N))", zrank),
    reader("ZREVRANK", "key member [WITHSCORE]", "Returns how many members have a higher score.",
           "2.0.0", at_least(3), "O(log(N))", zrevrank),
    with(reader("ZRANDMEMBER", "key [count [WITHSCORES]]", "Returns random members.", "6.2.0",
                at_least(2), "O(K*log(N)) where K is the number of members returned", zrandmember),
         Flag::readonly, kReadSlow, KeyUse::read_only_access),
    with(reader("ZSCAN", "key cursor [MATCH pattern] [COUNT count]",
                "Walks over members and scores step by step.", "2.8.0", at_least(3),
                "O(1) for every call, O(N) for a complete walk", zscan),
         Flag::readonly, kReadSlow, KeyUse::read_only_access),
});

}  // namespace

std::span<const CommandSpec> sorted_set_commands() { return kFamily; }

}  // namespace larder
