// XREAD and XREADGROUP: entries behind an id of several streams at once, waiting for them if asked.
// Source: https://redis.io/docs/latest/commands/xreadgroup/
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "server/commands/families.h"
#include "server/commands/stream_values.h"
#include "server/engine/registry.h"

namespace larder {
namespace {

struct ReadOptions {
  size_t count = std::numeric_limits<size_t>::max();
  bool blocks = false;
  int64_t until_ms = 0;
  bool no_ack = false;
  Bytes group;  // empty data(): XREAD
  Bytes consumer;
  size_t streams_at = 0;  // argument of the first key
  size_t streams = 0;
};

// One stream asked for.
struct Source {
  Key key;
  Item item;
  StreamId after;
  bool only_new = false;  // ">": what was never delivered to the group
  StreamGroup* group = nullptr;

  Stream& stream() const { return stream_of(*item.entry()); }
};

bool grouped(const ReadOptions& options) { return options.group.data() != nullptr; }

void take_streams(Args& args, ReadOptions& options) {
  const size_t left = args.left();
  if (left == 0 || left % 2 != 0) {
    const std::string name = grouped(options) ? "xreadgroup" : "xread";
    args.fail("ERR Unbalanced '" + name + "' list of streams: for each stream key an ID or '" +
              (grouped(options) ? ">" : "$") + "' must be specified.");
    return;
  }
  options.streams_at = args.position();
  options.streams = left / 2;
  while (args.left() > 0) args.skip();
}

ReadOptions parse_read(Call& call, Args& args, bool for_group) {
  ReadOptions options;
  while (args.more() && options.streams == 0) {
    if (args.take_with_value("BLOCK")) {
      if (call.in_script()) {
        args.fail("ERR " + std::string(for_group ? "xreadgroup" : "xread") +
                  " command is not allowed with BLOCK option from scripts");
      }
      options.blocks = true;
      options.until_ms = take_timeout_ms(args, call.clock_ms());
    } else if (args.take_with_value("COUNT")) {
      const int64_t count = args.integer();
      if (count > 0) options.count = static_cast<size_t>(count);
    } else if (args.left() >= 3 && args.take("GROUP")) {
      if (!for_group) {
        args.fail("ERR The GROUP option is only supported by XREADGROUP. You called XREAD "
                  "instead.");
      }
      options.group = args.bytes();
      options.consumer = args.bytes();
    } else if (args.take("NOACK")) {
      if (!for_group) {
        args.fail("ERR The NOACK option is only supported by XREADGROUP. You called XREAD "
                  "instead.");
      }
      options.no_ack = true;
    } else if (args.take_with_value("STREAMS")) {
      take_streams(args, options);
    } else {
      args.reject();
    }
  }
  if (args.ok() && options.streams == 0) args.reject();
  if (args.ok() && for_group && !grouped(options)) {
    args.fail("ERR Missing GROUP option for XREADGROUP");
  }
  return options;
}

// The keys of a call, by the same walk that parse_read takes: a group or a consumer may be called
// STREAMS, too.
bool find_read_keys(std::span<const Bytes> args, std::vector<size_t>& keys) {
  for (size_t i = 1; i < args.size();) {
    if (equals_upper(args[i], "STREAMS")) {
      const size_t left = args.size() - i - 1;
      for (size_t k = 0; k < left / 2; ++k) keys.push_back(i + 1 + k);
      return left > 0 && left % 2 == 0;
    }
    if (equals_upper(args[i], "NOACK")) {
      ++i;
    } else if (equals_upper(args[i], "GROUP")) {
      i += 3;
    } else if (equals_upper(args[i], "COUNT") || equals_upper(args[i], "BLOCK")) {
      i += 2;
    } else {
      return false;
    }
  }
  return false;
}

// "$" is the last id now, also for a later try: the id itself takes its place then.
Status find_after(const ReadOptions& options, Bytes text, Source& source) {
  const StreamId last = source.item ? source.stream().last_id() : StreamId{};
  if (text == "$") {
    if (grouped(options)) {
      return Status::error("ERR The $ ID is meaningless in the context of XREADGROUP: you want to "
                           "read the history of this consumer by specifying a proper ID, or use "
                           "the > ID to get new messages. The $ ID would just return an empty "
                           "result set.");
    }
    source.after = last;
  } else if (text == ">") {
    if (!grouped(options)) {
      return Status::error("ERR The > ID can be specified only when calling XREADGROUP using the "
                           "GROUP <group> <consumer> option.");
    }
    source.only_new = true;
    source.after = source.group->last_id;
  } else {
    const auto id = read_stream_id(text, 0);
    if (!id) return Status::error(kBadStreamId);
    source.after = *id;
  }
  return Status::ok();
}

Status find_source(Call& call, const ReadOptions& options, size_t index, Source& source) {
  source.key = call.key(options.streams_at + index);
  source.item = call.find_to_read(source.key);
  if (!is_stream(source.item)) {
    if (!call.is_retry() || grouped(options)) return Status::error(errors::kWrongType);
    source.item = {};  // what became something else meanwhile is passed over, as with BLPOP
  }
  if (grouped(options)) {
    if (source.item) source.group = source.stream().find_group(options.group);
    if (source.group == nullptr) {
      return Status::error(no_group(source.key.name, options.group) +
                           " in XREADGROUP with GROUP option");
    }
  }
  return find_after(options, call.arg(options.streams_at + options.streams + index), source);
}

bool has_something(const Source& source) {
  if (!source.item) return false;
  if (source.group != nullptr && !source.only_new) return true;  // history, an empty one too
  const Stream& stream = source.stream();
  return stream.length() > 0 && stream.last_entry_id() > source.after;
}

// Claims that follow in the effects make a new consumer, too: only without them it is named.
StreamConsumer* consumer_of(Call& call, const ReadOptions& options, Source& source, bool claims) {
  StreamConsumer* consumer = source.group->find_consumer(options.consumer);
  if (consumer == nullptr) {
    consumer = source.group->add_consumer(options.consumer, call.clock_ms());
    changed_beside(call, source.key, "xgroup-createconsumer");
    if (!claims) effect_consumer(call, source.key, *source.group, options.consumer);
  }
  consumer->seen_ms = call.clock_ms();
  return consumer;
}

// What the group has read, as far as it can be counted: not over entries that were deleted, nor
// over those that a trim took from the front.
void note_read(const Stream& stream, StreamId first, StreamGroup& group, StreamId id) {
  const bool gap = stream.max_deleted_id() != StreamId{} &&
                   group.last_id <= stream.max_deleted_id();
  if (group.entries_read >= 0 && group.last_id >= first && !gap) {
    if (group.entries_read < INT64_MAX) ++group.entries_read;  // a client may have set it
  } else if (stream.entries_added() > 0) {
    group.entries_read = stream.entries_read_at(id);
  }
  group.last_id = id;
}

void deliver_new(Call& call, const ReadOptions& options, Source& source) {
  StreamConsumer* consumer = consumer_of(call, options, source, !options.no_ack);
  ReplyWriter& reply = call.reply();
  const Stream& stream = source.stream();
  const size_t mark = reply.open();
  std::vector<StreamId> assigned;  // only of use while somebody reads effects
  size_t count = 0;
  const auto from = source.after.next();
  if (from) {
    const StreamId first = stream.first_id().value_or(StreamId::max());
    stream.each(*from, StreamId::max(), false, [&](const StreamEntry& entry) {
      reply_entry(reply, entry);
      note_read(stream, first, *source.group, entry.id);
      if (!options.no_ack) source.group->assign(entry.id, consumer, call.clock_ms(), 1);
      if (!options.no_ack && call.wants_effect()) assigned.push_back(entry.id);
      return ++count < options.count;
    });
  }
  reply.close_array(mark, count);
  if (count == 0) return;
  consumer->active_ms = call.clock_ms();
  changed_beside(call, source.key, nullptr);
  effect_claims(call, source.key, *source.group, options.consumer, assigned);
  effect_group_id(call, source.key, *source.group);
}

// What was delivered to the consumer and is not acknowledged; an entry that was deleted meanwhile
// has no fields.
void deliver_history(Call& call, const ReadOptions& options, Source& source) {
  StreamConsumer* consumer = consumer_of(call, options, source, false);
  ReplyWriter& reply = call.reply();
  const size_t mark = reply.open();
  size_t count = 0;
  const auto from = source.after.next();
  const auto deliver_again = [&](StreamPending& pending) {
    if (count == options.count) return false;
    bool there = false;
    source.stream().each(pending.id, pending.id, false, [&](const StreamEntry& entry) {
      reply_entry(reply, entry);
      return there = true;
    });
    if (!there) {
      reply.array(2);
      reply_id(reply, pending.id);
      reply.null_array();
    }
    if (there) {
      pending.delivered_ms = call.clock_ms();
      ++pending.deliveries;
    }
    ++count;
    return true;
  };
  if (from) each_pending(*source.group, consumer, *from, deliver_again);
  reply.close_array(mark, count);
}

void deliver(Call& call, const ReadOptions& options, Source& source) {
  ReplyWriter& reply = call.reply();
  if (reply.version() < 3) reply.array(2);
  reply.bulk(source.key.name);
  if (source.group == nullptr) {
    const auto first = source.after.next();
    reply_range(reply, source.stream(), first.value_or(StreamId::max()), StreamId::max(), false,
                options.count);
  } else {
    source.only_new ? deliver_new(call, options, source) : deliver_history(call, options, source);
  }
}

// A stream that is named twice has its new entries delivered once.
void reply_sources(Call& call, const ReadOptions& options, std::vector<Source>& sources) {
  ReplyWriter& reply = call.reply();
  const size_t mark = reply.open();
  size_t count = 0;
  for (Source& source : sources) {
    if (source.only_new) source.after = source.group->last_id;
    if (!has_something(source)) continue;
    deliver(call, options, source);
    ++count;
  }
  reply.version() < 3 ? reply.close_array(mark, count) : reply.close_map(mark, count);
}

Status wait(Call& call, const ReadOptions& options, const std::vector<Source>& sources) {
  WaitOptions waits{.until_ms = options.until_ms, .type = Type::stream,
                    .nothing = Nothing::null_array, .wakes_on_removal = grouped(options)};
  waits.args.assign(call.args().begin(), call.args().end());
  for (size_t i = 0; i < sources.size(); ++i) {
    std::string& id = waits.args[options.streams_at + options.streams + i];
    if (id == "$") id = sources[i].after.text();
  }
  return call.wait_for_keys(std::move(waits));
}

Status read(Call& call, bool for_group) {
  Args args(call);
  const ReadOptions options = parse_read(call, args, for_group);
  if (!args.ok()) return args.error();
  std::vector<Source> sources(options.streams);
  for (size_t i = 0; i < sources.size(); ++i) {
    if (Status error = find_source(call, options, i, sources[i]); !error.is_ok()) return error;
  }
  // Keys that were over have gone meanwhile, and what was found before may have moved.
  for (Source& source : sources) {
    if (source.item) source.item = call.peek(source.key);
  }
  if (std::none_of(sources.begin(), sources.end(), has_something)) {
    for (Source& source : sources) {
      if (source.group == nullptr || call.is_retry()) continue;
      (void)consumer_of(call, options, source, false);
    }
    if (options.blocks) return wait(call, options, sources);
    call.reply().null_array();
    return Status::ok();
  }
  reply_sources(call, options, sources);
  return Status::ok();
}

Status xread(Call& call) { return read(call, false); }
Status xreadgroup(Call& call) { return read(call, true); }

// Clients are told where the word may stand.
constexpr KeySpec read_keys(int from) {
  KeySpec keys = keys_behind("STREAMS", from, KeyUse::read_only_access);
  keys.find = find_read_keys;
  return keys;
}

constexpr auto kFamily = family({
    {.name = "XREAD",
     .syntax = "[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]",
     .summary = "Reads entries of several streams, or waits for them.", .since = "5.0.0",
     .complexity = "O(N) with N being the number of entries returned", .group = "stream",
     .arity = at_least(4), .flags = Flag::readonly | Flag::blocking | Flag::movable_keys,
     .keys = read_keys(1),
     .acl = Acl::read | Acl::stream | Acl::slow | Acl::blocking, .run = xread},
    {.name = "XREADGROUP",
     .syntax = "GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key "
               "...] id [id ...]",
     .summary = "Reads entries of streams for a consumer of a group, or waits for them.",
     .since = "5.0.0", .complexity = "O(M) with M being the number of entries returned",
     .group = "stream", .arity = at_least(7),
     .flags = Flag::write | Flag::blocking | Flag::movable_keys,
     .keys = read_keys(4),
     .acl = Acl::write | Acl::stream | Acl::slow | Acl::blocking, .run = xreadgroup},
});

}  // namespace

std::span<const CommandSpec> stream_read_commands() { return kFamily; }

}  // namespace larder
