// Ranges of sorted sets by rank, score or name: reading, counting, storing and removing them. All
// become ranges of ranks first.
// Source: https://redis.io/docs/latest/commands/zrange/
#include <algorithm>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/commands/sorted_set_values.h"
#include "server/engine/sliced_read.h"

namespace larder {
namespace {

enum class By : uint8_t { rank, score, name };

// What the command's name already says; ZRANGE and ZRANGESTORE leave it to options.
struct RangeForm {
  std::optional<By> by;
  std::optional<bool> reverse;
  bool stores = false;
};

struct RangeRequest {
  By by = By::rank;
  bool reverse = false;
  bool with_scores = false;
  int64_t offset = 0;
  int64_t limit = -1;  // negative: all
  int64_t first = 0, last = 0;
  ScoreRange scores;
  NameRange names;
};

void parse_bounds(Args& args, RangeRequest& request, Bytes min, Bytes max) {
  if (request.by == By::rank) {
    const auto first = parse_int64(min);
    const auto last = parse_int64(max);
    if (!first || !last) return args.fail(errors::kNotInteger);
    request.first = *first;
    request.last = *last;
  } else if (request.by == By::score) {
    const auto range = parse_score_range(min, max);
    if (!range) return args.fail(kBadScoreRange);
    request.scores = *range;
  } else {
    const auto range = parse_name_range(min, max);
    if (!range) return args.fail(kBadNameRange);
    request.names = *range;
  }
}

RangeRequest parse_range(Args& args, const RangeForm& form) {
  RangeRequest request;
  std::optional<By> by = form.by;
  std::optional<bool> reverse = form.reverse;
  Bytes min = args.bytes();
  Bytes max = args.bytes();
  while (args.more()) {
    if (!form.stores && args.take("WITHSCORES")) {
      request.with_scores = true;
    } else if (args.left() >= 3 && args.take("LIMIT")) {
      request.offset = args.integer();
      request.limit = args.integer();
    } else if (!reverse && args.take("REV")) {
      reverse = true;
    } else if (!by && args.take("BYLEX")) {
      by = By::name;
    } else if (!by && args.take("BYSCORE")) {
      by = By::score;
    } else {
      args.reject();
    }
  }
  request.by = by.value_or(By::rank);
  request.reverse = reverse.value_or(false);
  if (request.limit != -1 && request.by == By::rank) {
    args.fail(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or "
        "BYLEX");
  }
  if (request.with_scores && request.by == By::name) {
    args.fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
  }
  if (request.reverse && request.by != By::rank) std::swap(min, max);
  if (args.ok()) parse_bounds(args, request, min, max);
  return request;
}

// Ranks as clients count them, negative from the end, both ends included.
RankRange ranks_between(int64_t first, int64_t last, size_t size) {
  const auto count = static_cast<int64_t>(size);
  if (first < 0) first = std::max(first + count, int64_t{0});
  if (last < 0) last += count;
  last = std::min(last, count - 1);
  if (first > last) return {};
  return {static_cast<size_t>(first), static_cast<size_t>(last) + 1};
}

RankRange limited(RankRange ranks, const RangeRequest& request) {
  const size_t count = ranks.count();
  if (request.offset < 0 || static_cast<uint64_t>(request.offset) >= count) return {};
  const auto offset = static_cast<size_t>(request.offset);
  const size_t left = count - offset;
  const size_t taken =
      request.limit < 0 ? left : static_cast<size_t>(std::min<uint64_t>(left, request.limit));
  if (!request.reverse) return {ranks.from + offset, ranks.from + offset + taken};
  return {ranks.to - offset - taken, ranks.to - offset};
}

RankRange ranks_of(const SortedSetView& set, const RangeRequest& request) {
  if (request.by == By::score) return limited(set.ranks(request.scores), request);
  if (request.by == By::name) return limited(set.ranks(request.names), request);
  const size_t size = set.size();
  const RankRange ranks = ranks_between(request.first, request.last, size);
  return request.reverse ? RankRange{size - ranks.to, size - ranks.from} : ranks;
}

void write_range(ReplyWriter& reply, const SortedSetView& set, RankRange ranks,
                 const RangeRequest& request) {
  set.each(ranks, request.reverse, [&](Bytes member, double score) {
    reply_member(reply, member, score, request.with_scores);
  });
}

class RangeRead : public SlicedRead {
 public:
  RangeRead(Call& call, const Key& key, const RangeRequest& request)
      : SlicedRead(call, {&key, 1}, Type::sorted_set),
        request_(request),
        min_(request.names.min.name),
        max_(request.names.max.name),
        found_(protocol()) {
    request_.names.min.name = min_;
    request_.names.max.name = max_;
  }

 private:
  static constexpr size_t kMembersPerSlice = 256;

  void restart() override {
    read_ = 0;
    found_.clear();
  }

  bool read(const Slice& slice) override {
    if (!slice.item) return false;
    const SortedSetView set(slice.item);
    if (read_ == 0) ranks_ = ranks_of(set, request_);
    const size_t count = std::min(ranks_.count() - read_, kMembersPerSlice);
    const size_t from = request_.reverse ? ranks_.to - read_ - count : ranks_.from + read_;
    ReplyWriter reply = found_.next();
    write_range(reply, set, {from, from + count}, request_);
    read_ += count;
    return read_ < ranks_.count();
  }

  void write(ReplyWriter& reply) override {
    open_members(reply, read_, request_.with_scores);
    found_.write(reply);
  }

  RangeRequest request_;
  const std::string min_, max_;  // what the request's names are views of
  RankRange ranks_;              // the same in every slice, as the set is
  size_t read_ = 0;
  ReplyPieces found_;
};

Status range(Call& call, const RangeForm& form) {
  Args args(call);
  const Key key = args.key();
  const RangeRequest request = parse_range(args, form);
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  const SortedSetView set(item);
  const RankRange ranks = ranks_of(set, request);
  if (ranks.count() > kReadAtOnceMax && set.object() != nullptr) {
    call.start_task(std::make_unique<RangeRead>(call, key, request));
    return Status::ok();
  }
  open_members(call.reply(), ranks.count(), request.with_scores);
  write_range(call.reply(), set, ranks, request);
  return Status::ok();
}

Status zrange(Call& call) { return range(call, {}); }
Status zrevrange(Call& call) { return range(call, {By::rank, true}); }
Status zrangebyscore(Call& call) { return range(call, {By::score, false}); }
Status zrevrangebyscore(Call& call) { return range(call, {By::score, true}); }
Status zrangebylex(Call& call) { return range(call, {By::name, false}); }
Status zrevrangebylex(Call& call) { return range(call, {By::name, true}); }

Status zrangestore(Call& call) {
  Args args(call);
  const Key target = args.key();
  const Key source = args.key();
  const RangeRequest request = parse_range(args, {.stores = true});
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(source);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  const SortedSetView set(item);
  std::vector<ScoredMember> members;
  set.each(ranks_of(set, request), false, [&](Bytes member, double score) {
    members.push_back({score, std::string(member)});
  });
  const size_t stored = store_members(call, target, members, "zrangestore");
  call.reply().integer(static_cast<int64_t>(stored));
  return Status::ok();
}

// The bounds of a command that has nothing but a key and them.
RangeRequest bounds_of(Args& args, By by) {
  RangeRequest request{.by = by};
  const Bytes min = args.bytes();
  parse_bounds(args, request, min, args.bytes());
  return request;
}

Status count(Call& call, By by) {
  Args args(call);
  const Key key = args.key();
  const RangeRequest request = bounds_of(args, by);
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  call.reply().integer(static_cast<int64_t>(ranks_of(SortedSetView(item), request).count()));
  return Status::ok();
}

Status zcount(Call& call) { return count(call, By::score); }
Status zlexcount(Call& call) { return count(call, By::name); }

Status remove_range(Call& call, By by, const char* event) {
  Args args(call);
  const Key key = args.key();
  const RangeRequest request = bounds_of(args, by);
  if (!args.ok()) return args.error();
  const Item item = call.find_to_write(key);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  const RankRange ranks = ranks_of(SortedSetView(item), request);
  if (ranks.count() > 0) {
    SortedSetEditor set = edit_sorted_set(call, key, item);
    set.remove(ranks);
    end_change(call, key, set, event);
    call.count_changes(ranks.count());
  }
  call.reply().integer(static_cast<int64_t>(ranks.count()));
  return Status::ok();
}

Status zremrangebyrank(Call& call) { return remove_range(call, By::rank, "zremrangebyrank"); }
Status zremrangebyscore(Call& call) { return remove_range(call, By::score, "zremrangebyscore"); }
Status zremrangebylex(Call& call) { return remove_range(call, By::name, "zremrangebylex"); }

constexpr Acl kRead = Acl::read | Acl::sortedset;
constexpr Acl kWriteSlow = Acl::write | Acl::sortedset | Acl::slow;

constexpr CommandSpec old_range(Bytes name, Bytes syntax, Bytes summary, Bytes since,
                                Bytes replaced_by, Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = "O(log(N)+M) where M is the number of members returned",
          .group = "sorted-set",
          .arity = at_least(4),
          .flags = Flag::readonly,
          .keys = key_at(1, KeyUse::read_only_access),
          .acl = kRead | Acl::slow,
          .run = run,
          .deprecated_since = "6.2.0",
          .replaced_by = replaced_by};
}
constexpr CommandSpec counting(Bytes name, Bytes summary, Bytes since, Handler run) {
  return {.name = name,
          .syntax = "key min max",
          .summary = summary,
          .since = since,
          .complexity = "O(log(N))",
          .group = "sorted-set",
          .arity = exactly(4),
          .flags = Flag::readonly | Flag::fast,
          .keys = key_at(1, KeyUse::read_only_access),
          .acl = kRead | Acl::fast,
          .run = run};
}
constexpr CommandSpec removing(Bytes name, Bytes syntax, Bytes summary, Bytes since, Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = "O(M*log(N)) where M is the number of members removed",
          .group = "sorted-set",
          .arity = exactly(4),
          .flags = Flag::write,
          .keys = key_at(1, KeyUse::read_write_delete),
          .acl = kWriteSlow,
          .run = run};
}

constexpr auto kFamily = family({
    {.name = "ZRANGE",
     .syntax = "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
     .summary = "Returns a range of members by rank, score or name.",
     .since = "1.2.0",
     .complexity = "O(log(N)+M) where M is the number of members returned",
     .group = "sorted-set",
     .arity = at_least(4),
     .flags = Flag::readonly,
     .keys = key_at(1, KeyUse::read_only_access),
     .acl = kRead | Acl::slow,
     .run = zrange},
    {.name = "ZRANGESTORE",
     .syntax = "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
     .summary = "Stores a range of members under another key.",
     .since = "6.2.0",
     .complexity = "O(log(N)+M) where M is the number of members stored",
     .group = "sorted-set",
     .arity = at_least(5),
     .flags = Flag::write | Flag::deny_oom,
     .keys = first_and_others(1, 2, KeyUse::overwrite_update, KeyUse::read_only_access),
     .acl = kWriteSlow,
     .run = zrangestore},
    old_range("ZREVRANGE", "key start stop [WITHSCORES]",
              "Returns a range of members by rank, the highest first.", "1.2.0",
              "`ZRANGE` with the `REV` argument", zrevrange),
    old_range("ZRANGEBYSCORE", "key min max [WITHSCORES] [LIMIT offset count]",
              "Returns the members with scores in a range.", "1.0.5",
              "`ZRANGE` with the `BYSCORE` argument", zrangebyscore),
    old_range("ZREVRANGEBYSCORE", "key max min [WITHSCORES] [LIMIT offset count]",
              "Returns the members with scores in a range, the highest first.", "2.2.0",
              "`ZRANGE` with the `REV` and `BYSCORE` arguments", zrevrangebyscore),
    old_range("ZRANGEBYLEX", "key min max [LIMIT offset count]",
              "Returns the members with names in a range.", "2.8.9",
              "`ZRANGE` with the `BYLEX` argument", zrangebylex),
    old_range("ZREVRANGEBYLEX", "key max min [LIMIT offset count]",
              "Returns the members with names in a range, the last first.", "2.8.9",
              "`ZRANGE` with the `REV` and `BYLEX` arguments", zrevrangebylex),
    counting("ZCOUNT", "Counts the members with scores in a range.", "2.0.0", zcount),
    counting("ZLEXCOUNT", "Counts the members with names in a range.", "2.8.9", zlexcount),
    removing("ZREMRANGEBYRANK", "key start stop", "Removes a range of members by rank.", "2.0.0",
             zremrangebyrank),
    removing("ZREMRANGEBYSCORE", "key min max", "Removes the members with scores in a range.",
             "1.2.0", zremrangebyscore),
    removing("ZREMRANGEBYLEX", "key min max", "Removes the members with names in a range.", "2.8.9",
             zremrangebylex),
});

}  // namespace

std::span<const CommandSpec> sorted_set_range_commands() { return kFamily; }

}  // namespace larder
