// Bitmaps: single bits, counting, searching, combining. BITFIELD is in bitfields.cc.
// Source: https://redis.io/commands/?group=bitmap
#include <array>
#include <string>

#include "base/numbers.h"
#include "server/commands/bit_offset.h"
#include "server/commands/families.h"
#include "server/commands/string_values.h"
#include "storage/bits.h"

namespace larder {
namespace {

Status setbit(Call& call) {
  const Key key = call.key(1);
  const auto offset = parse_bit_offset(call, call.arg(2));
  if (!offset) return Status::error(kBadBitOffset);
  const Bytes value = call.arg(3);
  if (value != "0" && value != "1") {
    return Status::error("ERR bit is not an integer or out of range");
  }
  const Item item = call.find_to_write(key);
  if (!is_string(item)) return Status::error(errors::kWrongType);
  const bool created = !item;
  const size_t size_before = item ? string_length(*item.entry()) : 0;
  const MutableString string = string_with_bits(call, key, item, *offset + 1);
  const Bytes bytes(string.data, string.size);
  const uint64_t old = get_bits(bytes, *offset, 1);
  set_bits(string.data, *offset, 1, value == "1");
  if (created || string.size > size_before || old != (value == "1" ? 1U : 0U)) {
    call.changed("setbit", key);
  }
  call.reply().integer(static_cast<int64_t>(old));
  return Status::ok();
}

Status getbit(Call& call) {
  const auto offset = parse_bit_offset(call, call.arg(2));
  if (!offset) return Status::error(kBadBitOffset);
  const Item item = call.find_to_read(call.key(1));
  if (!is_string(item)) return Status::error(errors::kWrongType);
  IntegerText scratch;
  const Bytes bytes = item ? string_bytes(*item.entry(), scratch) : Bytes();
  call.reply().integer(static_cast<int64_t>(get_bits(bytes, *offset, 1)));
  return Status::ok();
}

// start and end as BITCOUNT and BITPOS take them: negative ones count from the end.
struct Range {
  int64_t start = 0;
  int64_t end = -1;
  bool in_bits = false;
  bool end_given = false;
};

void parse_unit(Args& args, Range& range) {
  if (!args.more()) return;
  if (args.take("BIT")) {
    range.in_bits = true;
  } else if (!args.take("BYTE")) {
    args.reject();
  }
  if (args.more()) args.reject();
}

// The bits first .. last of a value; nothing when there are none.
struct Bits {
  uint64_t first, last;
};
std::optional<Bits> bits_of(const Range& range, size_t bytes) {
  const auto length = static_cast<int64_t>(range.in_bits ? bytes * 8 : bytes);
  const auto from_end = [length](int64_t at) {
    return std::max<int64_t>(at < 0 ? at + length : at, 0);
  };
  const int64_t start = from_end(range.start);
  const int64_t end = std::min(from_end(range.end), length - 1);
  if (start > end || length == 0) return {};
  if (range.in_bits) return Bits{static_cast<uint64_t>(start), static_cast<uint64_t>(end)};
  return Bits{static_cast<uint64_t>(start) * 8, static_cast<uint64_t>(end) * 8 + 7};
}

Status bitcount(Call& call) {
  Args args(call);
  const Key key = args.key();
  Range range;
  if (args.left() == 1 || args.left() > 3) args.reject();
  if (args.more()) {
    range.start = args.integer();
    range.end = args.integer();
    parse_unit(args, range);
  }
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!is_string(item)) return Status::error(errors::kWrongType);
  IntegerText scratch;
  const Bytes bytes = item ? string_bytes(*item.entry(), scratch) : Bytes();
  // Unlike BITPOS, which would clamp both to the first byte.
  const bool backwards = range.start < 0 && range.end < 0 && range.start > range.end;
  const auto bits = backwards ? std::nullopt : bits_of(range, bytes.size());
  const uint64_t count = bits ? count_bits_between(bytes, bits->first, bits->last) : 0;
  call.reply().integer(static_cast<int64_t>(count));
  return Status::ok();
}

int64_t late_integer(Args& args) {
  const auto value = parse_int64(args.bytes());
  if (!value) args.fail_late(errors::kNotInteger);
  return value.value_or(0);
}

// Unlike BITCOUNT's, a word that is no unit is told before a number that is none.
void parse_search_range(Args& args, Range& range) {
  range.start = late_integer(args);
  if (!args.more()) return;
  range.end = late_integer(args);
  range.end_given = true;
  parse_unit(args, range);
}

Status bitpos(Call& call) {
  Args args(call);
  const Key key = args.key();
  const int64_t bit = args.integer();
  if (args.ok() && bit != 0 && bit != 1) args.fail("ERR The bit argument must be 1 or 0.");
  Range range;
  if (args.more()) parse_search_range(args, range);
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!is_string(item)) return Status::error(errors::kWrongType);
  if (!item) {
    call.reply().integer(bit == 1 ? -1 : 0);
    return Status::ok();
  }
  IntegerText scratch;
  const Bytes bytes = string_bytes(*item.entry(), scratch);
  const auto bits = bits_of(range, bytes.size());
  const auto found =
      bits ? find_bit(bytes, bit == 1, bits->first, bits->last) : std::optional<uint64_t>{};
  int64_t answer = found ? static_cast<int64_t>(*found) : -1;
  // Without an end, the zeros go on behind the value.
  if (!found && bits && bit == 0 && !range.end_given) {
    answer = static_cast<int64_t>(bytes.size()) * 8;
  }
  call.reply().integer(answer);
  return Status::ok();
}

struct OperationName {
  Bytes name;
  BitOperation operation;
  size_t inputs_min;
};
constexpr std::array<OperationName, 8> kOperations{{{"AND", BitOperation::conjunction, 1},
                                                    {"OR", BitOperation::disjunction, 1},
                                                    {"XOR", BitOperation::exclusive, 1},
                                                    {"NOT", BitOperation::complement, 1},
                                                    {"DIFF", BitOperation::difference, 2},
                                                    {"DIFF1", BitOperation::difference_rest, 2},
                                                    {"ANDOR", BitOperation::first_and_any, 2},
                                                    {"ONE", BitOperation::exactly_one, 1}}};

Status bitop(Call& call) {
  const OperationName* operation = nullptr;
  for (const OperationName& each : kOperations) {
    if (equals_upper(call.arg(1), each.name)) operation = &each;
  }
  if (operation == nullptr) return Status::error(errors::kSyntax);
  const size_t count = call.arg_count() - 3;
  if (operation->operation == BitOperation::complement && count != 1) {
    return Status::error("ERR BITOP NOT must be called with a single source key.");
  }
  if (count < operation->inputs_min) {
    return Status::error("ERR BITOP " + std::string(operation->name) +
                         " must be called with at least two source keys.");
  }
  std::vector<IntegerText> scratch(count);
  std::vector<Bytes> inputs;
  for (size_t i = 0; i < count; ++i) {
    const Item item = call.find_to_read(call.key(3 + i));
    if (!is_string(item)) return Status::error(errors::kWrongType);
    inputs.push_back(item ? string_bytes(*item.entry(), scratch[i]) : Bytes());
  }
  const std::string result = combine_bits(operation->operation, inputs);
  const Key target = call.key(2);
  const Item old = call.find_to_write(target);
  if (!result.empty()) {
    put_text(call.keyspace(target), target, old, result, kNoExpiry, Encoding::raw);
    call.changed("set", target);
  } else if (old) {
    call.keyspace(target).remove(old);
    call.changed("del", target);
  }
  call.reply().integer(static_cast<int64_t>(result.size()));
  return Status::ok();
}

constexpr auto kFamily = family({
    {.name = "SETBIT", .syntax = "key offset value", .summary = "Sets or clears a bit.",
     .since = "2.2.0", .complexity = "O(1)", .group = "bitmap", .arity = exactly(4),
     .flags = Flag::write | Flag::deny_oom, .keys = key_at(1, KeyUse::read_write_access_update),
     .acl = Acl::write | Acl::bitmap | Acl::slow, .run = setbit},
    {.name = "GETBIT", .syntax = "key offset", .summary = "Reads a bit.", .since = "2.2.0",
     .complexity = "O(1)", .group = "bitmap", .arity = exactly(3),
     .flags = Flag::readonly | Flag::fast, .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::bitmap | Acl::fast, .run = getbit},
    {.name = "BITCOUNT", .syntax = "key [start end [BYTE | BIT]]",
     .summary = "Counts the bits that are set.", .since = "2.6.0",
     .complexity = "O(N) where N is the length", .group = "bitmap", .arity = at_least(2),
     .flags = Flag::readonly, .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::bitmap | Acl::slow, .run = bitcount},
    {.name = "BITPOS", .syntax = "key bit [start [end [BYTE | BIT]]]",
     .summary = "Finds the first bit that is set or clear.", .since = "2.8.7",
     .complexity = "O(N) where N is the length", .group = "bitmap", .arity = at_least(3),
     .flags = Flag::readonly, .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::bitmap | Acl::slow, .run = bitpos},
    {.name = "BITOP",
     .syntax = "<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key [key ...]",
     .summary = "Combines bitmaps into a new one.", .since = "2.6.0",
     .complexity = "O(N) where N is the length", .group = "bitmap", .arity = at_least(4),
     .flags = Flag::write | Flag::deny_oom,
     .keys = first_and_others(2, -1, KeyUse::overwrite_update, KeyUse::read_only_access),
     .acl = Acl::write | Acl::bitmap | Acl::slow, .run = bitop},
});

}  // namespace

std::span<const CommandSpec> bitmap_commands() { return kFamily; }

}  // namespace larder
