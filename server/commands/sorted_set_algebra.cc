// Unions, intersections and differences of sorted sets. Plain sets are taken too: each of their
// members has the score 1.
// Source: https://redis.io/docs/latest/commands/zunionstore/
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/commands/families.h"
#include "server/commands/sorted_set_values.h"
#include "storage/set.h"

namespace larder {
namespace {

enum class Operation : uint8_t { unite, intersect, subtract };
enum class Aggregate : uint8_t { sum, min, max };

constexpr double kPlainScore = 1;  // of a member of a set

// One input: a sorted set, a set or nothing.
struct Source {
  Keyspace* keys = nullptr;
  Key key;
  Item item;
  double weight = 1;
  size_t size = 0;

  bool is_plain() const { return item && item->type() == Type::set; }
  Set plain() const { return {*keys, key, item}; }
  size_t count() const { return is_plain() ? plain().size() : SortedSetView(item).size(); }
  std::optional<double> score_of(Bytes member) const {
    if (!is_plain()) return SortedSetView(item).score_of(member);
    return plain().contains(member) ? std::optional(kPlainScore) : std::nullopt;
  }
  template <typename Visit>
  void each(Visit visit) const {
    if (!is_plain()) return SortedSetView(item).each(visit);
    plain().each([&](Bytes member) { visit(member, kPlainScore); });
  }
};

struct Inputs {
  std::vector<Source> sources;
  Aggregate aggregate = Aggregate::sum;
  bool with_scores = false;
  size_t limit = 0;  // 0: none
};

// What a command allows behind its keys.
struct Allowed {
  bool weights = false;  // and AGGREGATE
  bool scores = false;
  bool limit = false;
};

// numkeys key [key ...]
void parse_sources(Call& call, Args& args, Inputs& inputs) {
  const int64_t count = args.integer();
  if (args.ok() && count < 1) {
    args.fail("ERR at least 1 input key is needed for '" + call.command().name + "' command");
  }
  if (args.ok() && static_cast<uint64_t>(count) > args.left()) args.reject();
  if (!args.ok()) return;
  for (int64_t i = 0; i < count; ++i) {
    const Key key = args.key();
    const Item item = call.find_to_read(key);
    if (!is_sorted_set(item) && !is_type(item, Type::set)) return args.fail(errors::kWrongType);
    inputs.sources.push_back({.keys = &call.keyspace(key), .key = key});
  }
  // Again, as looking for a key may have removed one that was over, and moved the others.
  for (Source& source : inputs.sources) {
    source.item = call.peek(source.key);
    source.size = source.count();
  }
}

Aggregate take_aggregate(Args& args) {
  if (args.take("MIN")) return Aggregate::min;
  if (args.take("MAX")) return Aggregate::max;
  if (!args.take("SUM")) args.reject();
  return Aggregate::sum;
}

Inputs parse_inputs(Call& call, Args& args, const Allowed& allowed) {
  Inputs inputs;
  parse_sources(call, args, inputs);
  while (args.more()) {
    if (allowed.weights && args.left() > inputs.sources.size() && args.take("WEIGHTS")) {
      for (Source& source : inputs.sources) {
        source.weight = args.number("ERR weight value is not a float");
      }
    } else if (allowed.weights && args.take_with_value("AGGREGATE")) {
      inputs.aggregate = take_aggregate(args);
    } else if (allowed.scores && args.take("WITHSCORES")) {
      inputs.with_scores = true;
    } else if (allowed.limit && args.take_with_value("LIMIT")) {
      constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
      const char* const kBad = "ERR LIMIT can't be negative";
      inputs.limit = static_cast<size_t>(args.integer_in(0, kMax, kBad));
    } else {
      args.reject();
    }
  }
  return inputs;
}

// inf * 0 and inf - inf count as 0.
double number_or_0(double value) { return std::isnan(value) ? 0 : value; }

double joined(double a, double b, Aggregate how) {
  if (how == Aggregate::min) return b < a ? b : a;
  if (how == Aggregate::max) return b > a ? b : a;
  return number_or_0(a + b);
}

// The order in which scores are added up, smallest set first, shows in the last digit.
void sort_by_size(std::vector<Source>& sources) {
  std::stable_sort(sources.begin(), sources.end(),
                   [](const Source& a, const Source& b) { return a.size < b.size; });
}

std::vector<ScoredMember> unite(Inputs& inputs) {
  sort_by_size(inputs.sources);
  std::unordered_map<std::string, double> scores;
  for (const Source& source : inputs.sources) {
    source.each([&](Bytes member, double score) {
      const double value = number_or_0(source.weight * score);
      const auto [at, is_new] = scores.try_emplace(std::string(member), value);
      if (!is_new) at->second = joined(at->second, value, inputs.aggregate);
    });
  }
  std::vector<ScoredMember> members;
  members.reserve(scores.size());
  for (const auto& [member, score] : scores) members.push_back({score, member});
  return members;
}

// Calls found(member, score) for each member of all sources until it returns false.
template <typename Found>
void intersect_each(Inputs& inputs, Found found) {
  sort_by_size(inputs.sources);
  bool more = true;
  const std::vector<Source>& sources = inputs.sources;
  sources[0].each([&](Bytes member, double first) {
    if (!more) return;
    double score = number_or_0(sources[0].weight * first);
    for (size_t i = 1; i < sources.size(); ++i) {
      const auto other = sources[i].score_of(member);
      if (!other) return;
      score = joined(score, sources[i].weight * *other, inputs.aggregate);
    }
    more = found(member, score);
  });
}

std::vector<ScoredMember> intersect(Inputs& inputs) {
  std::vector<ScoredMember> members;
  intersect_each(inputs, [&](Bytes member, double score) {
    members.push_back({score, std::string(member)});
    return true;
  });
  return members;
}

std::vector<ScoredMember> subtract(const Inputs& inputs) {
  std::vector<ScoredMember> members;
  const auto& sources = inputs.sources;
  sources[0].each([&](Bytes member, double score) {
    for (size_t i = 1; i < sources.size(); ++i) {
      if (sources[i].score_of(member)) return;
    }
    members.push_back({score, std::string(member)});
  });
  return members;
}

std::vector<ScoredMember> result_of(Operation operation, Inputs& inputs) {
  std::vector<ScoredMember> members = operation == Operation::unite       ? unite(inputs)
                                      : operation == Operation::intersect ? intersect(inputs)
                                                                          : subtract(inputs);
  std::sort(members.begin(), members.end());
  return members;
}

Status answer(Call& call, Operation operation) {
  Args args(call);
  const bool weights = operation != Operation::subtract;
  Inputs inputs = parse_inputs(call, args, {.weights = weights, .scores = true});
  if (!args.ok()) return args.error();
  const std::vector<ScoredMember> members = result_of(operation, inputs);
  open_members(call.reply(), members.size(), inputs.with_scores);
  for (const ScoredMember& each : members) {
    reply_member(call.reply(), each.member, each.score, inputs.with_scores);
  }
  return Status::ok();
}

Status keep(Call& call, Operation operation, const char* event) {
  Args args(call);
  const Key target = args.key();
  Inputs inputs = parse_inputs(call, args, {.weights = operation != Operation::subtract});
  if (!args.ok()) return args.error();
  const size_t stored = store_members(call, target, result_of(operation, inputs), event);
  call.reply().integer(static_cast<int64_t>(stored));
  return Status::ok();
}

Status zunion(Call& call) { return answer(call, Operation::unite); }
Status zinter(Call& call) { return answer(call, Operation::intersect); }
Status zdiff(Call& call) { return answer(call, Operation::subtract); }
Status zunionstore(Call& call) { return keep(call, Operation::unite, "zunionstore"); }
Status zinterstore(Call& call) { return keep(call, Operation::intersect, "zinterstore"); }
Status zdiffstore(Call& call) { return keep(call, Operation::subtract, "zdiffstore"); }

Status zintercard(Call& call) {
  Args args(call);
  Inputs inputs = parse_inputs(call, args, {.limit = true});
  if (!args.ok()) return args.error();
  size_t count = 0;
  intersect_each(inputs, [&](Bytes, double) { return ++count != inputs.limit; });
  call.reply().integer(static_cast<int64_t>(count));
  return Status::ok();
}

constexpr KeySpec kStoredSources = keys_counted_at(2, 1, KeyUse::read_only_access);

constexpr CommandSpec answering(Bytes name, Bytes syntax, Bytes summary, Bytes since,
                                Bytes complexity, Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = complexity,
          .group = "sorted-set",
          .arity = at_least(3),
          .flags = Flag::readonly | Flag::movable_keys,
          .keys = keys_counted_at(1, 1, KeyUse::read_only_access),
          .acl = Acl::read | Acl::sortedset | Acl::slow,
          .run = run};
}
constexpr CommandSpec storing(Bytes name, Bytes syntax, Bytes summary, Bytes since,
                              Bytes complexity, Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = since,
          .complexity = complexity,
          .group = "sorted-set",
          .arity = at_least(4),
          .flags = Flag::write | Flag::deny_oom | Flag::movable_keys,
          .keys = and_also(key_at(1, KeyUse::overwrite_update), kStoredSources),
          .acl = Acl::write | Acl::sortedset | Acl::slow,
          .run = run};
}

constexpr Bytes kSum = "O(N*log(N)) where N is the number of all members of the inputs";
constexpr Bytes kLeast = "O(N*K) where N is the size of the smallest of K inputs";

constexpr auto kFamily = family({
    answering("ZUNION",
              "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] "
              "[WITHSCORES]",
              "Returns the union of sorted sets.", "6.2.0", kSum, zunion),
    answering("ZINTER",
              "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] "
              "[WITHSCORES]",
              "Returns the members that all of several sorted sets have.", "6.2.0", kLeast, zinter),
    answering("ZDIFF", "numkeys key [key ...] [WITHSCORES]",
              "Returns the members of the first sorted set that no other has.", "6.2.0", kSum,
              zdiff),
    answering("ZINTERCARD", "numkeys key [key ...] [LIMIT limit]",
              "Counts the members that all of several sorted sets have.", "7.0.0", kLeast,
              zintercard),
    storing("ZUNIONSTORE",
            "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN "
            "| MAX>]",
            "Stores the union of sorted sets.", "2.0.0", kSum, zunionstore),
    storing("ZINTERSTORE",
            "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN "
            "| MAX>]",
            "Stores the members that all of several sorted sets have.", "2.0.0", kLeast,
            zinterstore),
    storing("ZDIFFSTORE", "destination numkeys key [key ...]",
            "Stores the members of the first sorted set that no other has.", "6.2.0", kSum,
            zdiffstore),
});

}  // namespace

std::span<const CommandSpec> sorted_set_algebra_commands() { return kFamily; }

}  // namespace larder
