// XINFO: what a stream, its groups and their consumers look like.
// Source: https://redis.io/docs/latest/commands/xinfo-stream/
#include <algorithm>
#include <limits>
#include <string>

#include "server/commands/families.h"
#include "server/commands/stream_values.h"
#include "server/engine/answers.h"
#include "server/engine/wrong_words.h"

namespace larder {
namespace {

void number(ReplyWriter& reply, Bytes name, int64_t value) {
  reply.bulk(name);
  reply.integer(value);
}

void id(ReplyWriter& reply, Bytes name, StreamId value) {
  reply.bulk(name);
  reply_id(reply, value);
}

void entries_read(ReplyWriter& reply, const StreamGroup& group) {
  reply.bulk("entries-read");
  group.entries_read < 0 ? reply.null() : reply.integer(group.entries_read);
}

// How many entries the group has not read yet; null when deletions hide it.
void lag(ReplyWriter& reply, const Stream& stream, const StreamGroup& group) {
  reply.bulk("lag");
  // Clients set these counts to what they like: as unsigned numbers they wrap.
  const uint64_t added = stream.entries_added();
  const auto behind = [added](int64_t read) {
    return static_cast<int64_t>(added - static_cast<uint64_t>(read));
  };
  if (added == 0 || stream.length() == 0) return reply.integer(0);
  const StreamId first = stream.first_id().value_or(StreamId::max());
  if (group.last_id < first && stream.max_deleted_id() < first) {
    return reply.integer(static_cast<int64_t>(stream.length()));  // it has all before it
  }
  const bool gap =
      stream.max_deleted_id() >= first && group.last_id <= stream.max_deleted_id();
  if (group.entries_read >= 0 && !gap) return reply.integer(behind(group.entries_read));
  const int64_t read = stream.entries_read_at(group.last_id);
  read < 0 ? reply.null() : reply.integer(behind(read));
}

void head(ReplyWriter& reply, const Stream& stream) {
  number(reply, "length", static_cast<int64_t>(stream.length()));
  number(reply, "radix-tree-keys", static_cast<int64_t>(stream.block_count()));
  number(reply, "radix-tree-nodes", static_cast<int64_t>(stream.block_count()) + 1);
  id(reply, "last-generated-id", stream.last_id());
  id(reply, "max-deleted-entry-id", stream.max_deleted_id());
  number(reply, "entries-added", static_cast<int64_t>(stream.entries_added()));
  id(reply, "recorded-first-entry-id", stream.first_id().value_or(StreamId{}));
}

void end_entry(ReplyWriter& reply, const Stream& stream, Bytes name, bool last) {
  reply.bulk(name);
  bool found = false;
  stream.each({}, StreamId::max(), last, [&](const StreamEntry& entry) {
    found = true;
    reply_entry(reply, entry);
    return false;
  });
  if (!found) reply.null();
}

// The first `most` pending entries of a group, or of one of its consumers.
void pending(ReplyWriter& reply, StreamGroup& group, const StreamConsumer* of, size_t most) {
  const size_t mark = reply.open();
  size_t count = 0;
  each_pending(group, of, {}, [&](const StreamPending& entry) {
    if (count == most) return false;
    reply.array(of == nullptr ? 4 : 3);
    reply_id(reply, entry.id);
    if (of == nullptr) reply.bulk(entry.consumer->name());
    reply.integer(entry.delivered_ms);
    reply.integer(static_cast<int64_t>(entry.deliveries));
    ++count;
    return true;
  });
  reply.close_array(mark, count);
}

void full_group(ReplyWriter& reply, const Stream& stream, StreamGroup& group, size_t most) {
  reply.map(7);
  reply.bulk("name");
  reply.bulk(group.name());
  id(reply, "last-delivered-id", group.last_id);
  entries_read(reply, group);
  lag(reply, stream, group);
  number(reply, "pel-count", static_cast<int64_t>(group.pending().size()));
  reply.bulk("pending");
  pending(reply, group, nullptr, most);
  reply.bulk("consumers");
  reply.array(group.consumers().size());
  for (const StreamConsumer* consumer : group.consumers()) {
    reply.map(5);
    reply.bulk("name");
    reply.bulk(consumer->name());
    number(reply, "seen-time", consumer->seen_ms);
    number(reply, "active-time", consumer->active_ms);
    number(reply, "pel-count", static_cast<int64_t>(consumer->pending()));
    reply.bulk("pending");
    pending(reply, group, consumer, most);
  }
}

void full(ReplyWriter& reply, const Stream& stream, size_t most) {
  reply.map(9);
  head(reply, stream);
  reply.bulk("entries");
  reply_range(reply, stream, {}, StreamId::max(), false, most);
  reply.bulk("groups");
  reply.array(stream.groups().size());
  for (StreamGroup* group : stream.groups()) full_group(reply, stream, *group, most);
}

Status info_stream(Call& call) {
  Args args(call);
  const Item item = call.find_to_look(args.key());
  if (!item) return Status::error(errors::kNoSuchKey);
  if (!is_stream(item)) return Status::error(errors::kWrongType);
  const bool wants_full = args.take("FULL");
  int64_t count = 10;
  if (wants_full && args.take_with_value("COUNT")) count = args.integer();
  if (args.more()) args.fail(wrong_words_text(call.arg(1), "XINFO"));
  if (!args.ok()) return args.error();
  const Stream& stream = stream_of(*item.entry());
  if (wants_full) {
    const size_t most =
        count <= 0 ? std::numeric_limits<size_t>::max() : static_cast<size_t>(count);
    full(call.reply(), stream, most);
    return Status::ok();
  }
  ReplyWriter& reply = call.reply();
  reply.map(10);
  head(reply, stream);
  number(reply, "groups", static_cast<int64_t>(stream.groups().size()));
  end_entry(reply, stream, "first-entry", false);
  end_entry(reply, stream, "last-entry", true);
  return Status::ok();
}

Status info_groups(Call& call) {
  const Item item = call.find_to_look(call.key(2));
  if (!item) return Status::error(errors::kNoSuchKey);
  if (!is_stream(item)) return Status::error(errors::kWrongType);
  const Stream& stream = stream_of(*item.entry());
  ReplyWriter& reply = call.reply();
  reply.array(stream.groups().size());
  for (const StreamGroup* group : stream.groups()) {
    reply.map(6);
    reply.bulk("name");
    reply.bulk(group->name());
    number(reply, "consumers", static_cast<int64_t>(group->consumers().size()));
    number(reply, "pending", static_cast<int64_t>(group->pending().size()));
    id(reply, "last-delivered-id", group->last_id);
    entries_read(reply, *group);
    lag(reply, stream, *group);
  }
  return Status::ok();
}

Status info_consumers(Call& call) {
  const Key key = call.key(2);
  const GroupOf found = find_group(call, key, call.arg(3));
  if (!found.item) return Status::error(errors::kNoSuchKey);
  if (found.stream == nullptr) return Status::error(errors::kWrongType);
  if (found.group == nullptr) {
    return Status::error("NOGROUP No such consumer group '" + std::string(call.arg(3)) +
                         "' for key name '" + std::string(key.name) + "'");
  }
  ReplyWriter& reply = call.reply();
  reply.array(found.group->consumers().size());
  for (const StreamConsumer* consumer : found.group->consumers()) {
    reply.map(4);
    reply.bulk("name");
    reply.bulk(consumer->name());
    number(reply, "pending", static_cast<int64_t>(consumer->pending()));
    number(reply, "idle", std::max<int64_t>(call.now_ms() - consumer->seen_ms, 0));
    const bool never = consumer->active_ms < 0;
    number(reply, "inactive",
           never ? -1 : std::max<int64_t>(call.now_ms() - consumer->active_ms, 0));
  }
  return Status::ok();
}

Status help(Call& call) {
  return reply_help(call, {"XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
                           "CONSUMERS <key> <groupname>", "    Show consumers of <groupname>.",
                           "GROUPS <key>", "    Show the stream consumer groups.",
                           "STREAM <key> [FULL [COUNT <count>]",
                           "    Show information about the stream.", "HELP",
                           "    Prints this help."});
}

constexpr Acl kAcl = Acl::read | Acl::stream | Acl::slow;

constexpr auto kInfoCards = family({
    {.name = "STREAM", .syntax = "key [FULL [COUNT count]]", .summary = "Describes a stream.",
     .since = "5.0.0", .complexity = "O(1)", .group = "stream", .arity = at_least(3),
     .flags = Flag::readonly, .keys = key_at(2, KeyUse::read_only_access), .acl = kAcl,
     .run = info_stream},
    {.name = "GROUPS", .syntax = "key", .summary = "Describes the groups of a stream.",
     .since = "5.0.0", .complexity = "O(1)", .group = "stream", .arity = exactly(3),
     .flags = Flag::readonly, .keys = key_at(2, KeyUse::read_only_access), .acl = kAcl,
     .run = info_groups},
    {.name = "CONSUMERS", .syntax = "key group", .summary = "Describes the consumers of a group.",
     .since = "5.0.0", .complexity = "O(1)", .group = "stream", .arity = exactly(4),
     .flags = Flag::readonly, .keys = key_at(2, KeyUse::read_only_access), .acl = kAcl,
     .run = info_consumers},
    help_card("stream", "5.0.0", Acl::stream | Acl::slow, help),
});

constexpr auto kFamily = family({
    container_card("XINFO", "Describes streams, groups and consumers.", "5.0.0", "stream",
                   kInfoCards),
});

}  // namespace

std::span<const CommandSpec> stream_info_commands() { return kFamily; }

}  // namespace larder
