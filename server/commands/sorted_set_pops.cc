// Taking the lowest or highest members of sorted sets, at once or as soon as there is one.
// Source: https://redis.io/docs/latest/commands/zmpop/
#include <algorithm>
#include <limits>
#include <vector>

#include "server/commands/families.h"
#include "server/commands/sorted_set_values.h"
#include "server/engine/blocking.h"
#include "server/engine/effect_words.h"

namespace larder {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

struct Pop {
  bool highest = false;
  int64_t count = 1;
};

// Removes up to pop.count members; write(member, score) is called for each.
template <typename Write>
void take_members(Call& call, const Key& key, Item item, RankRange ranks, bool highest,
                  Write write) {
  SortedSetEditor set = edit_sorted_set(call, key, item);
  set.view().each(ranks, highest, write);
  set.remove(ranks);
  end_change(call, key, set, highest ? "zpopmax" : "zpopmin");
  call.count_changes(ranks.count());
}

RankRange popped_ranks(Item item, const Pop& pop) {
  const size_t size = SortedSetView(item).size();
  const size_t count = static_cast<size_t>(std::min<uint64_t>(size, pop.count));
  return pop.highest ? RankRange{size - count, size} : RankRange{0, count};
}

// Pairs in arrays of their own, in RESP2 too.
void pop_nested(Call& call, const Key& key, Item item, const Pop& pop) {
  ReplyWriter& reply = call.reply();
  const RankRange ranks = popped_ranks(item, pop);
  reply.array(ranks.count());
  take_members(call, key, item, ranks, pop.highest, [&](Bytes member, double score) {
    reply.array(2);
    reply.bulk(member);
    reply.number(score);
  });
}

void pop_flat(Call& call, const Key& key, Item item, const Pop& pop) {
  ReplyWriter& reply = call.reply();
  const RankRange ranks = popped_ranks(item, pop);
  reply.array(ranks.count() * 2);
  take_members(call, key, item, ranks, pop.highest, [&](Bytes member, double score) {
    reply.bulk(member);
    reply.number(score);
  });
}

// A count without a sign; both mistakes have one text.
int64_t take_count(Args& args) {
  return args.integer_in(0, kMax, "ERR value is out of range, must be positive");
}

Status pop_one_key(Call& call, bool highest) {
  Args args(call);
  const Key key = args.key();
  const bool counted = args.more();
  if (call.arg_count() > 3) return Status::error(errors::kSyntax);
  const Pop pop{highest, counted ? take_count(args) : 1};
  if (!args.ok()) return args.error();
  const Item item = call.find_to_write(key);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  if (!item || pop.count == 0) {
    call.reply().array(0);
  } else if (counted && call.reply().version() >= 3) {
    pop_nested(call, key, item, pop);
  } else {
    pop_flat(call, key, item, pop);
  }
  return Status::ok();
}

Status zpopmin(Call& call) { return pop_one_key(call, false); }
Status zpopmax(Call& call) { return pop_one_key(call, true); }

// The first of the keys that has something. Fails: a key before it that is no sorted set; a client
// that waits passes over it.
struct Candidate {
  std::optional<Key> key;
  Item item;
  bool wrong_type = false;
};

Candidate find_candidate(Call& call, size_t first, size_t count) {
  for (size_t i = first; i < first + count; ++i) {
    const Key key = call.key(i);
    const Item item = call.find_to_write(key);
    if (!is_sorted_set(item)) {
      if (call.is_retry()) continue;
      return {.key = {}, .item = {}, .wrong_type = true};
    }
    if (item) return {key, item, false};
  }
  return {};
}

// numkeys key [key ...] MIN | MAX [COUNT count]
struct ManyKeys {
  size_t first = 0, count = 0;
  Pop pop;
};

ManyKeys parse_many(Args& args) {
  ManyKeys keys;
  const int64_t count = args.integer_in(1, kMax, "ERR numkeys should be greater than 0");
  if (args.ok() && static_cast<uint64_t>(count) >= args.left()) args.reject();
  if (!args.ok()) return keys;
  keys.first = args.position();
  keys.count = static_cast<size_t>(count);
  for (size_t i = 0; i < keys.count; ++i) args.skip();
  std::optional<bool> highest;
  if (!args.take_one_of(highest, {{"MIN", false}, {"MAX", true}})) args.reject();
  keys.pop.highest = highest.value_or(false);
  if (args.take_with_value("COUNT")) {
    keys.pop.count = args.integer_in(1, kMax, "ERR count should be greater than 0");
  }
  if (args.more()) args.reject();
  return keys;
}

void pop_named(Call& call, const Candidate& found, const Pop& pop) {
  call.reply().array(2);
  call.reply().bulk(found.key->name);
  const size_t count = popped_ranks(found.item, pop).count();
  pop_nested(call, *found.key, found.item, pop);
  effect_pop(call, pop.highest ? "ZPOPMAX" : "ZPOPMIN", *found.key, count);
}

Status zmpop(Call& call) {
  Args args(call);
  const ManyKeys keys = parse_many(args);
  if (!args.ok()) return args.error();
  const Candidate found = find_candidate(call, keys.first, keys.count);
  if (found.wrong_type) return Status::error(errors::kWrongType);
  found.item ? pop_named(call, found, keys.pop) : call.reply().null_array();
  return Status::ok();
}

Status wait(Call& call, int64_t until_ms) {
  return call.wait_for_keys(
      {.until_ms = until_ms, .type = Type::sorted_set, .nothing = Nothing::null_array});
}

Status bzmpop(Call& call) {
  Args args(call);
  args.skip();
  const ManyKeys keys = parse_many(args);
  if (!args.ok()) return args.error();
  Args timeout_args(call);
  const int64_t until_ms = take_timeout(timeout_args, call.now_ms());
  if (!timeout_args.ok()) return timeout_args.error();
  const Candidate found = find_candidate(call, keys.first, keys.count);
  if (found.wrong_type) return Status::error(errors::kWrongType);
  if (!found.item) return wait(call, until_ms);
  pop_named(call, found, keys.pop);
  return Status::ok();
}

Status wait_and_pop(Call& call, bool highest) {
  Args args(call);
  const size_t keys = call.arg_count() - 2;
  for (size_t i = 0; i < keys; ++i) args.skip();
  const int64_t until_ms = take_timeout(args, call.now_ms());
  if (!args.ok()) return args.error();
  const Candidate found = find_candidate(call, 1, keys);
  if (found.wrong_type) return Status::error(errors::kWrongType);
  if (!found.item) return wait(call, until_ms);
  ReplyWriter& reply = call.reply();
  reply.array(3);
  reply.bulk(found.key->name);
  const RankRange ranks = popped_ranks(found.item, {highest, 1});
  take_members(call, *found.key, found.item, ranks, highest, [&](Bytes member, double score) {
    reply.bulk(member);
    reply.number(score);
  });
  call.effect({highest ? "ZPOPMAX" : "ZPOPMIN", found.key->name});
  return Status::ok();
}

Status bzpopmin(Call& call) { return wait_and_pop(call, false); }
Status bzpopmax(Call& call) { return wait_and_pop(call, true); }

constexpr Acl kWrite = Acl::write | Acl::sortedset;

constexpr CommandSpec popping(Bytes name, Bytes summary, Handler run) {
  return {.name = name,
          .syntax = "key [count]",
          .summary = summary,
          .since = "5.0.0",
          .complexity = "O(log(N)*M) where M is the number of members taken",
          .group = "sorted-set",
          .arity = at_least(2),
          .flags = Flag::write | Flag::fast,
          .keys = key_at(1, KeyUse::read_write_access_delete),
          .acl = kWrite | Acl::fast,
          .run = run};
}
constexpr CommandSpec waiting(Bytes name, Bytes summary, Handler run) {
  return {.name = name,
          .syntax = "key [key ...] timeout",
          .summary = summary,
          .since = "5.0.0",
          .complexity = "O(log(N))",
          .group = "sorted-set",
          .arity = at_least(3),
          .flags = Flag::write | Flag::blocking | Flag::fast,
          .keys = keys_from(1, -2, 1, KeyUse::read_write_access_delete),
          .acl = kWrite | Acl::fast | Acl::blocking,
          .run = run};
}

constexpr auto kFamily = family({
    popping("ZPOPMIN", "Takes the members with the lowest scores.", zpopmin),
    popping("ZPOPMAX", "Takes the members with the highest scores.", zpopmax),
    {.name = "ZMPOP",
     .syntax = "numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Takes members of the first sorted set that is there.",
     .since = "7.0.0",
     .complexity = "O(K)+O(M*log(N)) where K is the number of keys and M that of members taken",
     .group = "sorted-set",
     .arity = at_least(4),
     .flags = Flag::write | Flag::movable_keys,
     .keys = keys_counted_at(1, 1, KeyUse::read_write_access_delete),
     .acl = kWrite | Acl::slow,
     .run = zmpop},
    waiting("BZPOPMIN", "Takes the member with the lowest score, waiting for one.", bzpopmin),
    waiting("BZPOPMAX", "Takes the member with the highest score, waiting for one.", bzpopmax),
    {.name = "BZMPOP",
     .syntax = "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Takes members of the first sorted set that is there, waiting for one.",
     .since = "7.0.0",
     .complexity = "O(K)+O(M*log(N)) where K is the number of keys and M that of members taken",
     .group = "sorted-set",
     .arity = at_least(5),
     .flags = Flag::write | Flag::blocking | Flag::movable_keys,
     .keys = keys_counted_at(2, 1, KeyUse::read_write_access_delete),
     .acl = kWrite | Acl::slow | Acl::blocking,
     .run = bzmpop},
});

}  // namespace

std::span<const CommandSpec> sorted_set_pop_commands() { return kFamily; }

}  // namespace larder
