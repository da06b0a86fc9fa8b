// Strings: parts of a value, lengths, comparison of two values.
// Source: https://redis.io/commands/?group=string
#include <algorithm>
#include <string>

#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/commands/string_values.h"
#include "storage/lcs.h"

namespace larder {
namespace {

Status strlen_(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!is_string(item)) return Status::error(errors::kWrongType);
  call.reply().integer(item ? static_cast<int64_t>(string_length(*item.entry())) : 0);
  return Status::ok();
}

Status append(Call& call) {
  const Key key = call.key(1);
  const Bytes tail = call.arg(2);
  const Item item = call.find_to_write(key);
  if (!is_string(item)) return Status::error(errors::kWrongType);
  const size_t before = item ? string_length(*item.entry()) : 0;
  const size_t size = before + tail.size();
  if (too_long(call, size)) return Status::error(errors::kStringTooLong);
  Keyspace& keys = call.keyspace(key);
  if (!item) {
    put_string(keys, key, item, tail, kNoExpiry);
  } else {
    std::memcpy(edit_string(keys, item, size).data + before, tail.data(), tail.size());
  }
  call.changed("append", key);
  call.reply().integer(static_cast<int64_t>(size));
  return Status::ok();
}

Status setrange(Call& call) {
  const Key key = call.key(1);
  const auto offset = parse_int64(call.arg(2));
  if (!offset) return Status::error(errors::kNotInteger);
  if (*offset < 0) return Status::error(errors::kOffsetRange);
  const Bytes patch = call.arg(3);
  Item item = call.find_to_write(key);
  if (!is_string(item)) return Status::error(errors::kWrongType);
  const size_t before = item ? string_length(*item.entry()) : 0;
  if (patch.empty()) {
    call.reply().integer(static_cast<int64_t>(before));
    return Status::ok();
  }
  const auto at = static_cast<uint64_t>(*offset);
  if (too_long(call, at + patch.size())) return Status::error(errors::kStringTooLong);
  Keyspace& keys = call.keyspace(key);
  if (!item) item = put_string(keys, key, item, "", kNoExpiry);
  const size_t size = std::max(before, static_cast<size_t>(at) + patch.size());
  std::memcpy(edit_string(keys, item, size).data + at, patch.data(), patch.size());
  call.changed("setrange", key);
  call.reply().integer(static_cast<int64_t>(size));
  return Status::ok();
}

Status getrange(Call& call) {
  const auto first = parse_int64(call.arg(2));
  const auto last = parse_int64(call.arg(3));
  if (!first || !last) return Status::error(errors::kNotInteger);
  const Item item = call.find_to_read(call.key(1));
  if (!is_string(item)) return Status::error(errors::kWrongType);
  IntegerText scratch;
  const Bytes value = item ? string_bytes(*item.entry(), scratch) : Bytes();
  const auto size = static_cast<int64_t>(value.size());
  int64_t begin = *first;
  int64_t end = *last;
  if (begin < 0 && end < 0 && begin > end) {
    call.reply().bulk("");
    return Status::ok();
  }
  begin = std::max<int64_t>(begin < 0 ? begin + size : begin, 0);
  end = std::min(std::max<int64_t>(end < 0 ? end + size : end, 0), size - 1);
  if (begin > end || size == 0) {
    call.reply().bulk("");
    return Status::ok();
  }
  const Bytes part = value.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin + 1));
  if (item->encoding() == Encoding::blob) {
    call.reply().bulk_shared(part, string_share(*item.entry()));
  } else {
    call.reply().bulk(part);
  }
  return Status::ok();
}

struct LcsOptions {
  bool length_only = false;
  bool ranges = false;
  bool with_lengths = false;
  int64_t length_min = 0;
};

LcsOptions parse_lcs(Args& args) {
  LcsOptions options;
  while (args.more()) {
    if (args.take("IDX")) {
      options.ranges = true;
    } else if (args.take("LEN")) {
      options.length_only = true;
    } else if (args.take("WITHMATCHLEN")) {
      options.with_lengths = true;
    } else if (args.take_with_value("MINMATCHLEN")) {
      options.length_min = std::max<int64_t>(args.integer(), 0);
    } else {
      args.reject();
    }
  }
  if (options.ranges && options.length_only) {
    args.fail(
        "ERR If you want both the length and indexes, please just use IDX.");
  }
  return options;
}

void reply_ranges(ReplyWriter& reply, const LcsResult& result, const LcsOptions& options) {
  const auto wanted = [&](const LcsMatch& match) {
    return static_cast<int64_t>(match.length) >= options.length_min;
  };
  reply.map(2);
  reply.bulk("matches");
  reply.array(static_cast<size_t>(
      std::count_if(result.matches.begin(), result.matches.end(), wanted)));
  for (const LcsMatch& match : result.matches) {
    if (!wanted(match)) continue;
    reply.array(options.with_lengths ? 3 : 2);
    for (const size_t start : {match.first_start, match.second_start}) {
      reply.array(2);
      reply.integer(static_cast<int64_t>(start));
      reply.integer(static_cast<int64_t>(start + match.length - 1));
    }
    if (options.with_lengths) reply.integer(static_cast<int64_t>(match.length));
  }
  reply.bulk("len");
  reply.integer(static_cast<int64_t>(result.length));
}

Status lcs(Call& call) {
  Args args(call);
  const Key first = args.key();
  const Key second = args.key();
  (void)call.find_to_read(first);
  (void)call.find_to_read(second);
  const Item a = call.peek(first);  // looking for the second may have moved it
  const Item b = call.peek(second);
  if (!is_string(a) || !is_string(b)) {
    return Status::error("ERR The specified keys must contain string values");
  }
  const LcsOptions options = parse_lcs(args);
  if (!args.ok()) return args.error();
  IntegerText scratch_a, scratch_b;
  const Bytes text_a = a ? string_bytes(*a.entry(), scratch_a) : Bytes();
  const Bytes text_b = b ? string_bytes(*b.entry(), scratch_b) : Bytes();
  const auto bytes_max = call.settings().bulk_bytes_max.load(std::memory_order_relaxed);
  const auto result = longest_common_subsequence(text_a, text_b, static_cast<size_t>(bytes_max));
  if (!result) {
    return Status::error(
        "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  if (options.length_only) {
    call.reply().integer(static_cast<int64_t>(result->length));
  } else if (options.ranges) {
    reply_ranges(call.reply(), *result, options);
  } else {
    call.reply().bulk(result->text);
  }
  return Status::ok();
}

constexpr Acl kReadSlow = Acl::read | Acl::string | Acl::slow;

constexpr auto kFamily = family({
    {.name = "STRLEN", .syntax = "key", .summary = "Returns the length of a string in bytes.",
     .since = "2.2.0", .complexity = "O(1)", .group = "string", .arity = exactly(2),
     .flags = Flag::readonly | Flag::fast, .keys = key_at(1, KeyUse::read_only),
     .acl = Acl::read | Acl::string | Acl::fast, .run = strlen_},
    {.name = "APPEND", .syntax = "key value",
     .summary = "Appends to the string of a key, which is created if need be.", .since = "2.0.0",
     .complexity = "O(1) amortised", .group = "string", .arity = exactly(3),
     .flags = Flag::write | Flag::deny_oom | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_insert),
     .acl = Acl::write | Acl::string | Acl::fast, .run = append},
    {.name = "SETRANGE", .syntax = "key offset value",
     .summary = "Overwrites part of a string from an offset on.", .since = "2.2.0",
     .complexity = "O(M) where M is the length of the value", .group = "string",
     .arity = exactly(4), .flags = Flag::write | Flag::deny_oom,
     .keys = key_at(1, KeyUse::read_write_update), .acl = Acl::write | Acl::string | Acl::slow,
     .run = setrange},
    {.name = "GETRANGE", .syntax = "key start end",
     .summary = "Returns part of a string, both ends included.", .since = "2.4.0",
     .complexity = "O(N) where N is the length of the part", .group = "string",
     .arity = exactly(4), .flags = Flag::readonly, .keys = key_at(1, KeyUse::read_only_access),
     .acl = kReadSlow, .run = getrange},
    {.name = "SUBSTR", .syntax = "key start end", .summary = "Returns part of a string.",
     .since = "1.0.0", .complexity = "O(N) where N is the length of the part", .group = "string",
     .arity = exactly(4), .flags = Flag::readonly, .keys = key_at(1, KeyUse::read_only_access),
     .acl = kReadSlow, .run = getrange, .deprecated_since = "2.0.0", .replaced_by = "`GETRANGE`"},
    {.name = "LCS",
     .syntax = "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
     .summary = "Finds the longest common subsequence of two strings.", .since = "7.0.0",
     .complexity = "O(N*M) where N and M are the lengths of the strings", .group = "string",
     .arity = at_least(3), .flags = Flag::readonly,
     .keys = keys_from(1, 2, 1, KeyUse::read_only_access), .acl = kReadSlow, .run = lcs},
});

}  // namespace

std::span<const CommandSpec> string_edit_commands() { return kFamily; }

}  // namespace larder
