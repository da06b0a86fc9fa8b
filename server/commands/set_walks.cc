// Random members of sets, and SSCAN.
// Source: https://redis.io/commands/spop/, https://redis.io/commands/srandmember/ and
// https://redis.io/commands/sscan/
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "server/commands/element_scan.h"
#include "server/commands/families.h"
#include "server/commands/random_count.h"
#include "server/commands/set_values.h"
#include "server/engine/args.h"
#include "server/engine/effect_words.h"
#include "storage/random_elements.h"

namespace larder {
namespace {

Status pop_one(Call& call, Set& set) {
  if (!set.exists()) {
    call.reply().null();
    return Status::ok();
  }
  const Bytes member = set.sample(call.random());
  call.reply().bulk(member);
  call.effect({"SREM", call.arg(1), member});
  set.remove(member);
  set_changed(call, "spop", set);
  return Status::ok();
}

// In requests of a size that any reader takes at once.
void give_removal(Call& call, const std::vector<std::string>& members) {
  constexpr size_t kMembersMax = 1024;
  for (size_t i = 0; i < members.size(); i += kMembersMax) {
    const auto begin = members.begin() + static_cast<std::ptrdiff_t>(i);
    const size_t count = std::min(kMembersMax, members.size() - i);
    std::vector<Bytes> words{"SREM", call.arg(1)};
    words.insert(words.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
    call.effect(words);
  }
}

Status pop_many(Call& call, Set& set, uint64_t count) {
  const size_t wanted = std::min<uint64_t>(count, set.size());
  call.reply().set(wanted);
  if (wanted == 0) return Status::ok();
  if (wanted == set.size()) {
    set.each([&](Bytes member) { call.reply().bulk(member); });
    set.clear();
    effect_removal(call, call.key(1), Removal::server);
  }
  std::vector<std::string> gone;  // only of use while somebody reads effects
  for (size_t i = 0; i < wanted && set.exists(); ++i) {
    const Bytes member = set.sample(call.random());
    call.reply().bulk(member);
    if (call.wants_effect()) gone.emplace_back(member);
    set.remove(member);
  }
  if (!gone.empty()) give_removal(call, gone);
  set_changed(call, "spop", set);
  call.count_changes(wanted);
  return Status::ok();
}

Status spop(Call& call) {
  Args args(call);
  args.key();
  const bool counted = args.more();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr const char* kNotPositive = "ERR value is out of range, must be positive";
  if (call.arg_count() > 3) return Status::error(errors::kSyntax);
  const int64_t count = counted ? args.integer_in(0, kMax, kNotPositive) : 1;
  if (!args.ok()) return args.error();
  return change_set(call, [&](Set& set) {
    return counted ? pop_many(call, set, static_cast<uint64_t>(count)) : pop_one(call, set);
  });
}

void reply_distinct(Call& call, const Set& set, uint64_t count) {
  const size_t wanted = std::min<uint64_t>(count, set.size());
  call.reply().array(wanted);
  if (wanted == 0) return;
  if (set.is_object()) {
    return visit_distinct(set.object().table(), wanted, call.random(),
                          [&](const Element& element) { call.reply().bulk(element.key()); });
  }
  Selection selection(wanted, set.size(), call.random());
  set.each([&](Bytes member) {
    if (selection.take()) call.reply().bulk(member);
  });
}

bool draw_member(const DrawSource& from, bool, ReplyWriter& reply) {
  reply.bulk(Set(from.keys, from.key, from.item).sample(from.random));
  return true;
}

Status srandmember(Call& call) {
  Args args(call);
  args.key();
  const bool counted = args.more();
  if (call.arg_count() > 3) return Status::error(errors::kSyntax);
  const RandomCount count = counted ? take_random_count(args) : RandomCount{};
  if (!args.ok()) return args.error();
  return read_set(call, [&](const Set& set) {
    if (!counted) {
      set.exists() ? call.reply().bulk(set.sample(call.random())) : call.reply().null();
      return Status::ok();
    }
    if (count.distinct || !set.exists()) {
      reply_distinct(call, set, count.count);
      return Status::ok();
    }
    return reply_draws(call, call.key(1), Type::set, count.count, false, draw_member);
  });
}

void scan_small(Call& call, const Set& set, const ElementScan& scan) {
  reply_scan_cursor(call.reply(), 0);
  const size_t mark = call.reply().open();
  size_t count = 0;
  set.each([&](Bytes member) {
    if (!scan.wants(member)) return;
    call.reply().bulk(member);
    ++count;
  });
  call.reply().close_array(mark, count);
}

void scan_large(Call& call, const Set& set, const ElementScan& scan) {
  std::vector<const Element*> found;
  const auto any = [](const Element&) { return true; };
  reply_scan_cursor(call.reply(), scan_table(set.object().table(), scan, any, found));
  call.reply().array(found.size());
  for (const Element* element : found) call.reply().bulk(element->key());
}

Status sscan(Call& call) {
  Args args(call);
  args.key();
  ElementScan scan;
  scan.cursor = take_cursor(args);
  if (!args.ok()) return args.error();
  return read_set(call, [&](const Set& set) {
    if (!set.exists()) return reply_empty_scan(call);
    take_scan_options(args, scan, false);
    if (!args.ok()) return args.error();
    set.is_object() ? scan_large(call, set, scan) : scan_small(call, set, scan);
    return Status::ok();
  });
}

constexpr auto kFamily = family({
    {.name = "SPOP", .syntax = "key [count]", .summary = "Removes and returns random members.",
     .since = "1.0.0", .complexity = "O(N) where N is the count", .group = "set",
     .arity = at_least(2), .flags = Flag::write | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_access_delete),
     .acl = Acl::write | Acl::set | Acl::fast, .run = spop},
    {.name = "SRANDMEMBER", .syntax = "key [count]", .summary = "Returns random members.",
     .since = "1.0.0", .complexity = "O(N) where N is the count", .group = "set",
     .arity = at_least(2), .flags = Flag::readonly, .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::set | Acl::slow, .run = srandmember},
    {.name = "SSCAN", .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walks over the members of a set step by step.", .since = "2.8.0",
     .complexity = "O(1) for every call, O(N) for a complete walk", .group = "set",
     .arity = at_least(3), .flags = Flag::readonly, .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::set | Acl::slow, .run = sscan},
});

}  // namespace

std::span<const CommandSpec> set_walk_commands() { return kFamily; }

}  // namespace larder
