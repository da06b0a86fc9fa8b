// Random fields of hashes, and HSCAN.
// Source: https://redis.io/commands/hrandfield/ and https://redis.io/commands/hscan/
#include <limits>
#include <vector>

#include "server/commands/element_scan.h"
#include "server/commands/families.h"
#include "server/commands/hash_values.h"
#include "server/commands/random_count.h"
#include "server/engine/args.h"
#include "storage/random_elements.h"

namespace larder {
namespace {

// Writes fields as they come, with or without their values.
class FieldList {
 public:
  FieldList(ReplyWriter& reply, bool values)
      : reply_(reply), values_(values), nested_(values && reply.version() >= 3),
        mark_(reply.open()) {}

  void add(const HashField& field) {
    open_pair(reply_, values_);
    reply_.bulk(field.name);
    if (values_) reply_.bulk(field.value);
    count_ += values_ && !nested_ ? 2 : 1;
  }
  void close() { reply_.close_array(mark_, count_); }

 private:
  ReplyWriter& reply_;
  const bool values_;
  const bool nested_;
  const size_t mark_;
  size_t count_ = 0;
};

bool draw_field(const DrawSource& from, bool values, ReplyWriter& reply) {
  const Hash hash(from.keys, from.key, from.item, from.now_ms);
  const auto field = hash.sample(from.random);
  if (!field) return false;
  open_pair(reply, values);
  reply.bulk(field->name);
  if (values) reply.bulk(field->value);
  return true;
}

void list_distinct(const Hash& hash, uint64_t count, Random& random, FieldList& list) {
  const size_t wanted = std::min<uint64_t>(count, hash.size());
  if (hash.is_packed()) {
    Selection selection(wanted, hash.size(), random);
    return hash.each([&](const HashField& field) {
      if (selection.take()) list.add(field);
    });
  }
  visit_distinct(hash.object().table(), wanted, random, [&](const Element& element) {
    if (hash.is_due(element.expiry_ms())) return;
    list.add({element.key(), element.value(), element.expiry_ms()});
  });
}

Status hrandfield(Call& call) {
  Args args(call);
  args.key();
  const bool counted = args.more();
  const RandomCount count = counted ? take_random_count(args) : RandomCount{};
  const bool values = args.take("WITHVALUES");
  if (args.more()) args.reject();
  if (values && !count.can_double()) args.fail(errors::kOutOfRange);
  if (!args.ok()) return args.error();
  return read_hash(call, [&](const Hash& hash) {
    if (!counted) {
      const auto field = hash.sample(call.random());
      field ? call.reply().bulk(field->name) : call.reply().null();
      return Status::ok();
    }
    if (!count.distinct) {
      return reply_draws(call, call.key(1), Type::hash, count.count, values, draw_field);
    }
    FieldList list(call.reply(), values);
    if (hash.exists()) list_distinct(hash, count.count, call.random(), list);
    list.close();
    return Status::ok();
  });
}

void scan_small(Call& call, const Hash& hash, const ElementScan& scan) {
  reply_scan_cursor(call.reply(), 0);
  const size_t mark = call.reply().open();
  size_t count = 0;
  hash.each([&](const HashField& field) {
    if (!scan.wants(field.name)) return;
    call.reply().bulk(field.name);
    if (scan.values) call.reply().bulk(field.value);
    count += scan.values ? 2 : 1;
  });
  call.reply().close_array(mark, count);
}

void scan_large(Call& call, const Hash& hash, const ElementScan& scan) {
  std::vector<const Element*> found;
  const uint64_t next = scan_table(
      hash.object().table(), scan,
      [&](const Element& element) { return !hash.is_due(element.expiry_ms()); }, found);
  reply_scan_cursor(call.reply(), next);
  call.reply().array(found.size() * (scan.values ? 2 : 1));
  for (const Element* element : found) {
    call.reply().bulk(element->key());
    if (scan.values) call.reply().bulk(element->value());
  }
}

Status hscan(Call& call) {
  Args args(call);
  args.key();
  ElementScan scan;
  scan.cursor = take_cursor(args);
  if (!args.ok()) return args.error();
  return read_hash(call, [&](const Hash& hash) {
    if (!hash.exists()) return reply_empty_scan(call);
    take_scan_options(args, scan, true);
    if (!args.ok()) return args.error();
    hash.is_packed() ? scan_small(call, hash, scan) : scan_large(call, hash, scan);
    return Status::ok();
  });
}

constexpr auto kFamily = family({
    {.name = "HRANDFIELD", .syntax = "key [count [WITHVALUES]]",
     .summary = "Returns random fields of a hash.", .since = "6.2.0",
     .complexity = "O(N) where N is the number of fields returned", .group = "hash",
     .arity = at_least(2), .flags = Flag::readonly, .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::hash | Acl::slow, .run = hrandfield},
    {.name = "HSCAN", .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
     .summary = "Walks over the fields of a hash step by step.", .since = "2.8.0",
     .complexity = "O(1) for every call, O(N) for a complete walk", .group = "hash",
     .arity = at_least(3), .flags = Flag::readonly, .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::hash | Acl::slow, .run = hscan},
});

}  // namespace

std::span<const CommandSpec> hash_walk_commands() { return kFamily; }

}  // namespace larder
