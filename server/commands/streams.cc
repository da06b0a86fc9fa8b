// Streams: adding, reading, removing entries. Consumer groups are in stream_groups.cc, XINFO in
// stream_info.cc.
// Source: https://redis.io/commands/?group=stream
#include <limits>
#include <string>

#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/commands/stream_values.h"
#include "server/engine/effect_words.h"

namespace larder {
namespace {

// LIMIT of an approximate trim that names none: a hundred blocks' worth, as Redis.
constexpr size_t kTrimBlocks = 100;
constexpr size_t kTrimEntriesMax = 1'000'000;
constexpr size_t kTrimEntriesNoBlocks = 10'000;

struct TrimOptions {
  enum class By : uint8_t { nothing, length, id } by = By::nothing;
  bool approximate = false;
  std::optional<size_t> limit;
  size_t length = 0;
  StreamId from;
};

StreamLimits limits_of(Call& call) {
  const LiveSettings& settings = call.settings();
  return {static_cast<size_t>(settings.stream_entries_max.load(std::memory_order_relaxed)),
          static_cast<size_t>(settings.stream_bytes_max.load(std::memory_order_relaxed))};
}

// MAXLEN or MINID with their threshold. Returns false when the next word is neither.
bool take_threshold(Args& args, TrimOptions& options) {
  const bool by_length = args.take_with_value("MAXLEN");
  if (!by_length && !args.take_with_value("MINID")) return false;
  if (options.by != TrimOptions::By::nothing) {
    args.fail("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
    return true;
  }
  options.by = by_length ? TrimOptions::By::length : TrimOptions::By::id;
  if (args.left() >= 2) {
    options.approximate = args.take("~");
    if (!options.approximate) (void)args.take("=");
  }
  if (!by_length) {
    options.from = take_stream_id(args, 0);
    return true;
  }
  const int64_t length = args.integer();
  if (args.ok() && length < 0) args.fail("ERR The MAXLEN argument must be >= 0.");
  options.length = static_cast<size_t>(length);
  return true;
}

bool take_limit(Args& args, TrimOptions& options) {
  if (!args.take_with_value("LIMIT")) return false;
  const int64_t limit = args.integer();
  if (args.ok() && limit < 0) args.fail("ERR The LIMIT argument must be >= 0.");
  options.limit = static_cast<size_t>(limit);
  return true;
}

void check_trim(Args& args, const TrimOptions& options) {
  if (!options.limit || !args.ok()) return;
  if (options.by == TrimOptions::By::nothing) {
    args.fail("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
  } else if (!options.approximate) {
    args.fail("ERR syntax error, LIMIT cannot be used without the special ~ option");
  }
}

size_t trim(Call& call, Stream& stream, const TrimOptions& options) {
  size_t limit = 0;
  if (options.approximate) {
    const size_t entries = limits_of(call).entries;
    const size_t standard =
        entries == 0 ? kTrimEntriesNoBlocks : std::min(kTrimBlocks * entries, kTrimEntriesMax);
    limit = options.limit.value_or(standard);
  }
  switch (options.by) {
    case TrimOptions::By::nothing: return 0;
    case TrimOptions::By::length:
      return stream.trim_to_length(options.length, options.approximate, limit);
    case TrimOptions::By::id: return stream.trim_below(options.from, options.approximate, limit);
  }
  return 0;
}

struct AddOptions {
  TrimOptions trim;
  bool make = true;
  // The id: a whole one, milliseconds with any sequence number, or all from the clock.
  enum class Id : uint8_t { clock, ms, whole } kind = Id::whole;
  StreamId id;
};

void take_new_id(Args& args, AddOptions& options) {
  if (args.take("*")) {
    options.kind = AddOptions::Id::clock;
    return;
  }
  const Bytes text = args.peek();
  if (text.size() > 2 && text.ends_with("-*")) {
    args.skip();
    options.kind = AddOptions::Id::ms;
    const auto ms = parse_uint64(text.substr(0, text.size() - 2));
    if (!ms) args.fail(kBadStreamId);
    options.id.ms = ms.value_or(0);
    return;
  }
  options.id = take_stream_id(args, 0);
}

AddOptions parse_add(Args& args) {
  AddOptions options;
  while (args.more()) {
    if (take_threshold(args, options.trim) || take_limit(args, options.trim)) continue;
    if (args.take("NOMKSTREAM")) {
      options.make = false;
      continue;
    }
    take_new_id(args, options);
    break;
  }
  check_trim(args, options.trim);
  return options;
}

// The id of the new entry; nothing when it would not be behind the last.
std::optional<StreamId> next_id(const AddOptions& options, StreamId last, int64_t now_ms) {
  const auto now = static_cast<uint64_t>(now_ms);
  switch (options.kind) {
    case AddOptions::Id::whole:
      return options.id > last ? std::optional(options.id) : std::nullopt;
    case AddOptions::Id::clock: return now > last.ms ? StreamId{now, 0} : last.next();
    case AddOptions::Id::ms: break;
  }
  if (options.id.ms > last.ms) return StreamId{options.id.ms, 0};
  if (options.id.ms < last.ms || last.seq == StreamId::max().seq) return {};
  return StreamId{last.ms, last.seq + 1};
}

// What was trimmed is always the front, so how many entries are left says it all.
void give_entry(Call& call, StreamId id, std::optional<size_t> left, std::span<const Bytes> items) {
  if (!call.wants_effect()) return;
  const std::string text = id.text();
  const NumberWord length(left.value_or(0));
  std::vector<Bytes> words{"XADD", call.arg(1)};
  if (left) words.insert(words.end(), {"MAXLEN", "=", length});
  words.push_back(text);
  words.insert(words.end(), items.begin(), items.end());
  call.effect(words);
}

Status xadd(Call& call) {
  Args args(call);
  const Key key = args.key();
  const AddOptions options = parse_add(args);
  if (!args.ok()) return args.error();
  const auto items = call.args().subspan(args.position());
  if (items.empty() || items.size() % 2 != 0) {
    return Status::error("ERR wrong number of arguments for 'xadd' command");
  }
  if (options.kind == AddOptions::Id::whole && options.id == StreamId{}) {
    return Status::error("ERR The ID specified in XADD must be greater than 0-0");
  }
  Item item = call.find_to_write(key);
  if (!is_stream(item)) return Status::error(errors::kWrongType);
  if (!item && !options.make) {
    call.reply().null();
    return Status::ok();
  }
  const StreamId last = item ? stream_of(*item.entry()).last_id() : StreamId{};
  if (last == StreamId::max()) {
    return Status::error("ERR The stream has exhausted the last possible ID, unable to add more "
                         "items");
  }
  const auto id = next_id(options, last, call.clock_ms());
  if (!id) {
    return Status::error("ERR The ID specified in XADD is equal or smaller than the target stream "
                         "top item");
  }
  if (!Stream::fits(items)) return Status::error("ERR Elements are too large to be stored");
  Stream& stream = make_stream(call.keyspace(key), key, item);
  stream.append(*id, items, limits_of(call));
  call.changed("xadd", key);
  const bool trimmed = trim(call, stream, options.trim) > 0;
  if (trimmed) {
    call.changed("xtrim", key);
    call.count_changes(0);  // one in all
  }
  give_entry(call, *id, trimmed ? std::optional(stream.length()) : std::nullopt, items);
  call.keyspace(key).grown(item);
  reply_id(call.reply(), *id);
  return Status::ok();
}

Status xtrim(Call& call) {
  Args args(call);
  const Key key = args.key();
  TrimOptions options;
  while (args.more()) {
    if (!take_threshold(args, options) && !take_limit(args, options)) args.reject();
  }
  check_trim(args, options);
  if (args.ok() && options.by == TrimOptions::By::nothing) {
    args.fail("ERR syntax error, XTRIM requires one of MAXLEN or MINID options");
  }
  if (!args.ok()) return args.error();
  const Item item = call.find_to_write(key);
  if (!is_stream(item)) return Status::error(errors::kWrongType);
  const size_t removed = item ? trim(call, stream_of(*item.entry()), options) : 0;
  if (removed > 0) {
    call.changed("xtrim", key);
    call.count_changes(removed);
    const NumberWord left(stream_of(*item.entry()).length());
    call.effect({"XTRIM", key.name, "MAXLEN", "=", left});
  }
  call.reply().integer(static_cast<int64_t>(removed));
  return Status::ok();
}

Status xlen(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!is_stream(item)) return Status::error(errors::kWrongType);
  call.reply().integer(item ? static_cast<int64_t>(stream_of(*item.entry()).length()) : 0);
  return Status::ok();
}

Status xdel(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Item item = call.find_to_write(key);
  if (!is_stream(item)) return Status::error(errors::kWrongType);
  std::vector<StreamId> ids;
  while (item && args.more()) ids.push_back(take_stream_id(args, 0));
  if (!args.ok()) return args.error();
  size_t removed = 0;
  for (const StreamId id : ids) removed += stream_of(*item.entry()).remove(id) ? 1 : 0;
  if (removed > 0) {
    call.changed("xdel", key);
    call.count_changes(removed);
  }
  call.reply().integer(static_cast<int64_t>(removed));
  return Status::ok();
}

Status range(Call& call, bool reverse) {
  Args args(call);
  const Key key = args.key();
  const StreamId one = reverse ? take_range_end(args) : take_range_start(args);
  const StreamId other = reverse ? take_range_start(args) : take_range_end(args);
  int64_t count = -1;
  while (args.more()) {
    if (args.take_with_value("COUNT")) {
      count = std::max<int64_t>(args.integer(), 0);
    } else {
      args.reject();
    }
  }
  if (!args.ok()) return args.error();
  const Item item = call.find_to_read(key);
  if (!is_stream(item)) return Status::error(errors::kWrongType);
  if (!item) {
    call.reply().array(0);
    return Status::ok();
  }
  if (count == 0) {
    call.reply().null_array();
    return Status::ok();
  }
  const size_t most = count < 0 ? std::numeric_limits<size_t>::max() : static_cast<size_t>(count);
  reply_range(call.reply(), stream_of(*item.entry()), reverse ? other : one,
              reverse ? one : other, reverse, most);
  return Status::ok();
}

Status xrange(Call& call) { return range(call, false); }
Status xrevrange(Call& call) { return range(call, true); }

Status xsetid(Call& call) {
  Args args(call);
  const Key key = args.key();
  const StreamId id = take_stream_id(args, 0);
  std::optional<int64_t> added;
  std::optional<StreamId> deleted;
  while (args.more()) {
    if (args.take_with_value("ENTRIESADDED")) {
      added = args.integer();
      if (args.ok() && *added < 0) args.fail("ERR entries_added must be positive");
    } else if (args.take_with_value("MAXDELETEDID")) {
      deleted = take_stream_id(args, 0);
      if (args.ok() && id < *deleted) {
        args.fail("ERR The ID specified in XSETID is smaller than the provided "
                  "max_deleted_entry_id");
      }
    } else {
      args.reject();
    }
  }
  if (!args.ok()) return args.error();
  const Item item = call.find_to_write(key);
  if (!item) return Status::error(errors::kNoSuchKey);
  if (!is_stream(item)) return Status::error(errors::kWrongType);
  Stream& stream = stream_of(*item.entry());
  if (stream.length() > 0 && id < stream.last_entry_id()) {
    return Status::error("ERR The ID specified in XSETID is smaller than the target stream top "
                         "item");
  }
  if (id < stream.max_deleted_id()) {
    return Status::error("ERR The ID specified in XSETID is smaller than current "
                         "max_deleted_entry_id");
  }
  if (added && static_cast<size_t>(*added) < stream.length()) {
    return Status::error("ERR The entries_added specified in XSETID is smaller than the target "
                         "stream length");
  }
  stream.set_last_id(id);
  if (added) stream.set_entries_added(static_cast<uint64_t>(*added));
  if (deleted && *deleted != StreamId{}) stream.set_max_deleted_id(*deleted);
  changed_beside(call, key, "xsetid");
  call.reply().ok();
  return Status::ok();
}

constexpr Acl kRead = Acl::read | Acl::stream;
constexpr Acl kWrite = Acl::write | Acl::stream;

constexpr auto kFamily = family({
    {.name = "XADD",
     .syntax = "key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field "
               "value [field value ...]",
     .summary = "Adds an entry to a stream.", .since = "5.0.0",
     .complexity = "O(1) when adding, O(N) when trimming N entries", .group = "stream",
     .arity = at_least(5), .flags = Flag::write | Flag::deny_oom | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_update), .acl = kWrite | Acl::fast, .run = xadd},
    {.name = "XTRIM", .syntax = "key <MAXLEN | MINID> [= | ~] threshold [LIMIT count]",
     .summary = "Removes the oldest entries of a stream.", .since = "5.0.0",
     .complexity = "O(N), with N being the number of evicted entries", .group = "stream",
     .arity = at_least(4), .flags = Flag::write,
     .keys = key_at(1, KeyUse::read_write_delete), .acl = kWrite | Acl::slow, .run = xtrim},
    {.name = "XLEN", .syntax = "key", .summary = "Counts the entries of a stream.",
     .since = "5.0.0", .complexity = "O(1)", .group = "stream", .arity = exactly(2),
     .flags = Flag::readonly | Flag::fast, .keys = key_at(1, KeyUse::read_only),
     .acl = kRead | Acl::fast, .run = xlen},
    {.name = "XDEL", .syntax = "key id [id ...]", .summary = "Removes entries by their ids.",
     .since = "5.0.0", .complexity = "O(1) for each entry", .group = "stream",
     .arity = at_least(3), .flags = Flag::write | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_delete), .acl = kWrite | Acl::fast, .run = xdel},
    {.name = "XRANGE", .syntax = "key start end [COUNT count]",
     .summary = "Reads the entries between two ids.", .since = "5.0.0",
     .complexity = "O(N) with N being the number of entries returned", .group = "stream",
     .arity = at_least(4), .flags = Flag::readonly,
     .keys = key_at(1, KeyUse::read_only_access), .acl = kRead | Acl::slow, .run = xrange},
    {.name = "XREVRANGE", .syntax = "key end start [COUNT count]",
     .summary = "Reads the entries between two ids, the newest first.", .since = "5.0.0",
     .complexity = "O(N) with N being the number of entries returned", .group = "stream",
     .arity = at_least(4), .flags = Flag::readonly,
     .keys = key_at(1, KeyUse::read_only_access), .acl = kRead | Acl::slow, .run = xrevrange},
    {.name = "XSETID",
     .syntax = "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
     .summary = "Sets the last id of a stream; for replication.", .since = "5.0.0",
     .complexity = "O(1)", .group = "stream", .arity = at_least(3),
     .flags = Flag::write | Flag::deny_oom | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_update), .acl = kWrite | Acl::fast, .run = xsetid},
});

}  // namespace

std::span<const CommandSpec> stream_commands() { return kFamily; }

}  // namespace larder
