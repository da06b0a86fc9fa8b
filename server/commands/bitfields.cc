// BITFIELD: integers of any width inside a string.
// Source: https://redis.io/commands/bitfield/
#include <string>
#include <vector>

#include "server/commands/bit_offset.h"
#include "server/commands/families.h"
#include "storage/bits.h"

namespace larder {
namespace {

enum class Action : uint8_t { get, set, increment };
enum class Overflow : uint8_t { wrap, saturate, fail };

struct Step {
  Action action = Action::get;
  Overflow overflow = Overflow::wrap;
  bool is_signed = false;
  unsigned width = 0;
  uint64_t offset = 0;
  int64_t operand = 0;
};

// i1 .. i64, u1 .. u63
bool parse_type(Bytes text, Step& step) {
  if (text.size() < 2 || (text[0] != 'i' && text[0] != 'u')) return false;
  const auto width = parse_int64(text.substr(1));
  step.is_signed = text[0] == 'i';
  if (!width || *width < 1 || *width > (step.is_signed ? 64 : 63)) return false;
  step.width = static_cast<unsigned>(*width);
  return true;
}

// "#3" is three times the width.
std::optional<uint64_t> parse_offset(Call& call, Bytes text, unsigned width) {
  if (text.empty() || text[0] != '#') return parse_bit_offset(call, text);
  const auto index = parse_int64(text.substr(1));
  int64_t offset = 0;
  if (!index || __builtin_mul_overflow(*index, static_cast<int64_t>(width), &offset)) return {};
  return parse_bit_offset(call, std::to_string(offset));
}

void parse_step(Call& call, Args& args, Step& step) {
  const Bytes type = args.bytes();
  if (args.ok() && !parse_type(type, step)) {
    args.fail(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
        "i64 is.");
  }
  const Bytes text = args.bytes();
  if (!args.ok()) return;
  const auto offset = parse_offset(call, text, step.width);
  if (!offset) return args.fail(kBadBitOffset);
  step.offset = *offset;
  if (step.action != Action::get) step.operand = args.integer();
}

std::vector<Step> parse_steps(Call& call, Args& args) {
  std::vector<Step> steps;
  Overflow overflow = Overflow::wrap;
  while (args.more()) {
    if (args.take_with_value("OVERFLOW")) {
      if (args.take("WRAP")) {
        overflow = Overflow::wrap;
      } else if (args.take("SAT")) {
        overflow = Overflow::saturate;
      } else if (args.take("FAIL")) {
        overflow = Overflow::fail;
      } else {
        args.fail("ERR Invalid OVERFLOW type specified");
      }
      continue;
    }
    Step step;
    step.overflow = overflow;
    if (args.left() >= 3 && args.take("GET")) {
      step.action = Action::get;
    } else if (args.left() >= 4 && args.take("SET")) {
      step.action = Action::set;
    } else if (args.left() >= 4 && args.take("INCRBY")) {
      step.action = Action::increment;
    } else {
      args.reject();
    }
    parse_step(call, args, step);
    steps.push_back(step);
  }
  return steps;
}

__extension__ using Wide = __int128;

Wide lowest(const Step& step) { return step.is_signed ? -(Wide{1} << (step.width - 1)) : 0; }
Wide highest(const Step& step) {
  return (Wide{1} << (step.is_signed ? step.width - 1 : step.width)) - 1;
}

uint64_t mask_of(unsigned width) { return width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1; }

int64_t number_of(const Step& step, uint64_t bits) {
  if (!step.is_signed || step.width == 64) return static_cast<int64_t>(bits);
  const uint64_t sign = uint64_t{1} << (step.width - 1);
  return static_cast<int64_t>((bits ^ sign) - sign);
}

// The value to store; nothing when it does not fit and OVERFLOW FAIL is in force.
std::optional<uint64_t> fitted(const Step& step, Wide value) {
  if (value < lowest(step) || value > highest(step)) {
    if (step.overflow == Overflow::fail) return {};
    if (step.overflow == Overflow::saturate) {
      value = value < lowest(step) ? lowest(step) : highest(step);
    }
  }
  return static_cast<uint64_t>(value) & mask_of(step.width);
}

// Returns whether bits changed.
bool run_step(Call& call, const Step& step, Bytes bytes, char* data) {
  const uint64_t bits = get_bits(bytes, step.offset, step.width);
  const int64_t old = number_of(step, bits);
  if (step.action == Action::get) {
    call.reply().integer(old);
    return false;
  }
  // An unsigned field takes SET's operand as the number with the same bits.
  Wide value = step.operand;
  if (step.action == Action::set && !step.is_signed) value = static_cast<uint64_t>(step.operand);
  if (step.action == Action::increment) value += old;
  const auto stored = fitted(step, value);
  if (!stored) {
    call.reply().null();
    return false;
  }
  set_bits(data, step.offset, step.width, *stored);
  call.reply().integer(step.action == Action::set ? old : number_of(step, *stored));
  return *stored != bits;
}

Status run_bitfield(Call& call, bool read_only) {
  Args args(call);
  const Key key = args.key();
  const std::vector<Step> steps = parse_steps(call, args);
  if (!args.ok()) return args.error();
  uint64_t bits_written = 0;
  for (const Step& step : steps) {
    if (step.action == Action::get) continue;
    if (read_only) return Status::error("ERR BITFIELD_RO only supports the GET subcommand");
    bits_written = std::max(bits_written, step.offset + step.width);
  }
  const bool writes = bits_written > 0;
  const Item item = writes ? call.find_to_write(key) : call.find_to_read(key);
  if (!is_string(item)) return Status::error(errors::kWrongType);
  IntegerText scratch;
  MutableString string;
  const bool created = !item;
  const size_t size_before = item ? string_length(*item.entry()) : 0;
  if (writes) string = string_with_bits(call, key, item, bits_written);
  const Bytes bytes = writes ? Bytes(string.data, string.size)
                      : item ? string_bytes(*item.entry(), scratch)
                             : Bytes();
  call.reply().array(steps.size());
  const bool grew = writes && (created || string.size > size_before);
  size_t changes = 0;
  for (const Step& step : steps) changes += run_step(call, step, bytes, string.data) ? 1 : 0;
  if (grew || changes > 0) {
    call.changed("setbit", key);
    call.count_changes(std::max<size_t>(changes, 1));
  }
  return Status::ok();
}

Status bitfield(Call& call) { return run_bitfield(call, false); }
Status bitfield_ro(Call& call) { return run_bitfield(call, true); }

// A BITFIELD that only gets changes nothing.
KeyUse use_of_bitfield(std::span<const Bytes> args) {
  for (size_t i = 2; i < args.size(); i += 3) {
    if (!equals_upper(args[i], "GET")) return KeyUse::read_write_access_update;
  }
  return KeyUse::read_only_access;
}

constexpr auto kFamily = family({
    {.name = "BITFIELD",
     .syntax = "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset "
               "value | INCRBY encoding offset increment> ...]",
     .summary = "Reads and changes integers inside a string.", .since = "3.2.0",
     .complexity = "O(1) for each step", .group = "bitmap", .arity = at_least(2),
     .flags = Flag::write | Flag::deny_oom,
     .keys = key_at(1, KeyUse::read_write_access_update, use_of_bitfield),
     .acl = Acl::write | Acl::bitmap | Acl::slow, .run = bitfield},
    {.name = "BITFIELD_RO", .syntax = "key [GET encoding offset [GET encoding offset ...]]",
     .summary = "Reads integers inside a string.", .since = "6.0.0",
     .complexity = "O(1) for each step", .group = "bitmap", .arity = at_least(2),
     .flags = Flag::readonly | Flag::fast, .keys = key_at(1, KeyUse::read_only_access),
     .acl = Acl::read | Acl::bitmap | Acl::fast, .run = bitfield_ro},
});

}  // namespace

std::span<const CommandSpec> bitfield_commands() { return kFamily; }

}  // namespace larder
