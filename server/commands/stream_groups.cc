// Consumer groups: XGROUP, and what becomes of entries that were delivered (XACK, XPENDING, XCLAIM,
// XAUTOCLAIM). Reading through a group is in stream_read.cc.
// Source: https://redis.io/docs/latest/commands/xgroup-create/
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "server/commands/families.h"
#include "server/commands/stream_values.h"
#include "server/engine/answers.h"
#include "server/engine/dispatcher.h"
#include "server/engine/listeners.h"
#include "server/engine/wrong_words.h"

namespace larder {
namespace {

constexpr const char* kNeedsKey =
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use "
    "the MKSTREAM option to create an empty stream automatically.";

// With each option once; repeated ones are looked at behind the key.
constexpr size_t kCreateWordsMax = 8;
constexpr size_t kSetIdWordsMax = 7;

std::string no_group_for_key(Bytes group, Bytes key) {
  return "NOGROUP No such consumer group '" + std::string(group) + "' for key name '" +
         std::string(key) + "'";
}

// "$" is the last id of the stream. Redis looks at the id behind all else.
std::optional<StreamId> group_id(Bytes text, Item item) {
  if (text != "$") return read_stream_id(text, 0);
  return item ? stream_of(*item.entry()).last_id() : StreamId{};
}

// SETID takes the ends of a range too.
std::optional<StreamId> group_id_or_end(Bytes text, Item item) {
  if (text == "-") return StreamId{};
  return text == "+" ? StreamId::max() : group_id(text, item);
}

int64_t take_entries_read(Args& args) {
  const int64_t count = args.integer();
  if (args.ok() && count < -1) args.fail("ERR value for ENTRIESREAD must be positive or -1");
  return count;
}

Status create(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Bytes name = args.bytes();
  const Bytes id_text = args.bytes();
  bool make = false;
  int64_t entries_read = -1;
  while (args.more()) {
    if (args.take("MKSTREAM")) {
      make = true;
    } else if (args.take_with_value("ENTRIESREAD")) {
      entries_read = take_entries_read(args);
    } else {
      return wrong_words(call);
    }
  }
  if (!args.ok()) return args.error();
  Item item = call.find_to_write(key);
  if (!is_stream(item)) return Status::error(errors::kWrongType);
  if (!item && !make) return Status::error(kNeedsKey);
  if (call.arg_count() > kCreateWordsMax) return wrong_words(call);
  const auto id = group_id(id_text, item);
  if (!id) return Status::error(kBadStreamId);
  const bool made = !item;
  Stream& stream = make_stream(call.keyspace(key), key, item);
  if (stream.add_group(name, *id, entries_read) == nullptr) {
    return Status::error("BUSYGROUP Consumer Group name already exists");
  }
  made ? call.changed("xgroup-create", key) : changed_beside(call, key, "xgroup-create");
  call.reply().ok();
  return Status::ok();
}

// The group that a sub-command of XGROUP names; all but CREATE need it, or at least the key.
GroupOf group_of_subcommand(Call& call, const Key& key, Bytes name) {
  GroupOf found = group_in(call.find_to_write(key), key, name);
  if (!found.item) {
    found.error = Status::error(kNeedsKey);
  } else if (found.stream != nullptr && found.group == nullptr) {
    found.error = Status::error(no_group_for_key(name, key.name));
  }
  return found;
}

Status set_id(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Bytes name = args.bytes();
  const Bytes id_text = args.bytes();
  int64_t entries_read = -1;
  while (args.more()) {
    if (!args.take_with_value("ENTRIESREAD")) return wrong_words(call);
    entries_read = take_entries_read(args);
  }
  if (!args.ok()) return args.error();
  GroupOf found = group_of_subcommand(call, key, name);
  if (!found.error.is_ok()) return std::move(found.error);
  if (call.arg_count() > kSetIdWordsMax) return wrong_words(call);
  const auto id = group_id_or_end(id_text, found.item);
  if (!id) return Status::error(kBadStreamId);
  found.group->last_id = *id;
  found.group->entries_read = entries_read;
  changed_beside(call, key, "xgroup-setid");
  call.reply().ok();
  return Status::ok();
}

// Those of a group that is gone are told so.
void wake_readers(Call& call, const Key& key) {
  const unsigned db = call.session().db;
  if (call.services().listeners.waiters.find(key, db) == nullptr) return;
  call.dispatcher().note_ready({key, db});
}

Status destroy(Call& call) {
  const Key key = call.key(2);
  GroupOf found = group_of_subcommand(call, key, call.arg(3));
  if (found.stream == nullptr) return std::move(found.error);
  const bool removed = found.stream->remove_group(call.arg(3));
  if (removed) {
    changed_beside(call, key, "xgroup-destroy");
    wake_readers(call, key);
  }
  call.reply().integer(removed ? 1 : 0);
  return Status::ok();
}

Status create_consumer(Call& call) {
  const Key key = call.key(2);
  GroupOf found = group_of_subcommand(call, key, call.arg(3));
  if (found.group == nullptr) return std::move(found.error);
  const bool made = found.group->add_consumer(call.arg(4), call.clock_ms()) != nullptr;
  if (made) changed_beside(call, key, "xgroup-createconsumer");
  call.reply().integer(made ? 1 : 0);
  return Status::ok();
}

Status delete_consumer(Call& call) {
  const Key key = call.key(2);
  GroupOf found = group_of_subcommand(call, key, call.arg(3));
  if (found.group == nullptr) return std::move(found.error);
  StreamConsumer* consumer = found.group->find_consumer(call.arg(4));
  size_t pending = 0;
  if (consumer != nullptr) {
    pending = found.group->remove_consumer(consumer);
    changed_beside(call, key, "xgroup-delconsumer");
  }
  call.reply().integer(static_cast<int64_t>(pending));
  return Status::ok();
}

Status help(Call& call) {
  return reply_help(
      call, {"XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
             "CREATE <key> <groupname> <id|$> [option]",
             "    Create a new consumer group. Options are:", "    * MKSTREAM",
             "      Create the empty stream if it does not exist.",
             "    * ENTRIESREAD entries_read",
             "      Set the group's entries_read counter (internal use).",
             "CREATECONSUMER <key> <groupname> <consumer>",
             "    Create a new consumer in the specified group.",
             "DELCONSUMER <key> <groupname> <consumer>", "    Remove the specified consumer.",
             "DESTROY <key> <groupname>", "    Remove the specified group.",
             "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
             "    Set the current group ID and entries_read counter.", "HELP",
             "    Prints this help."});
}

Status xack(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Bytes name = args.bytes();
  std::vector<StreamId> ids;
  const GroupOf found = find_group(call, key, name);
  if (found.item && found.stream == nullptr) return Status::error(errors::kWrongType);
  if (found.group != nullptr) {
    ids.reserve(args.left());
    while (args.more()) ids.push_back(take_stream_id(args, 0));
    if (!args.ok()) return args.error();
  }
  int64_t done = 0;
  for (const StreamId id : ids) done += found.group->acknowledge(id) ? 1 : 0;
  if (done > 0) changed_beside(call, key, nullptr, static_cast<uint64_t>(done));
  call.reply().integer(done);
  return Status::ok();
}

void reply_summary(ReplyWriter& reply, StreamGroup& group) {
  PendingList& pending = group.pending();
  reply.array(4);
  reply.integer(static_cast<int64_t>(pending.size()));
  if (pending.size() == 0) {
    reply.null();
    reply.null();
    reply.null_array();
    return;
  }
  reply_id(reply, pending.at_or_after({})->id);
  reply_id(reply, pending.last()->id);
  const size_t mark = reply.open();
  size_t count = 0;
  for (const StreamConsumer* consumer : group.consumers()) {
    if (consumer->pending() == 0) continue;
    reply.array(2);
    reply.bulk(consumer->name());
    reply.bulk(std::to_string(consumer->pending()));
    ++count;
  }
  reply.close_array(mark, count);
}

struct PendingOptions {
  int64_t idle_ms = 0;
  StreamId first, last;
  int64_t count = 0;
  Bytes consumer;
  bool of_consumer = false;
};

// The count is read before the ids, and a word too many behind the consumer is passed over.
PendingOptions parse_pending(Call& call, Args& args) {
  PendingOptions options;
  const size_t words = args.left();
  if (words < 3 || words > 6) args.reject();
  if (args.take_with_value("IDLE")) {
    options.idle_ms = args.integer();
    if (words < 5) args.reject();
  }
  if (!args.ok()) return options;
  const auto count = parse_int64(call.arg(args.position() + 2));
  if (!count) args.fail(errors::kNotInteger);
  options.count = count.value_or(0);
  options.first = take_range_start(args);
  options.last = take_range_end(args);
  args.skip();
  options.of_consumer = args.more();
  if (options.of_consumer) options.consumer = args.bytes();
  return options;
}

void reply_pending(Call& call, StreamGroup& group, const PendingOptions& options) {
  ReplyWriter& reply = call.reply();
  const size_t mark = reply.open();
  int64_t count = 0;
  const StreamConsumer* wanted =
      options.of_consumer ? group.find_consumer(options.consumer) : nullptr;
  if (options.count > 0 && (!options.of_consumer || wanted != nullptr)) {
    each_pending(group, wanted, options.first, [&](const StreamPending& entry) {
      if (entry.id > options.last) return false;
      const int64_t idle_ms = call.clock_ms() - entry.delivered_ms;
      if (idle_ms < options.idle_ms) return true;
      reply.array(4);
      reply_id(reply, entry.id);
      reply.bulk(entry.consumer->name());
      reply.integer(std::max<int64_t>(idle_ms, 0));
      reply.integer(static_cast<int64_t>(entry.deliveries));
      return ++count < options.count;
    });
  }
  reply.close_array(mark, static_cast<size_t>(count));
}

Status xpending(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Bytes name = args.bytes();
  const bool summary = !args.more();
  const PendingOptions options = summary ? PendingOptions{} : parse_pending(call, args);
  if (!args.ok()) return args.error();
  GroupOf found = find_group(call, key, name);
  if (found.group == nullptr) return std::move(found.error);
  summary ? reply_summary(call.reply(), *found.group)
          : reply_pending(call, *found.group, options);
  return Status::ok();
}

struct ClaimOptions {
  int64_t idle_ms_min = 0;
  std::vector<StreamId> ids;
  std::optional<int64_t> delivered_ms;
  std::optional<int64_t> deliveries;
  bool force = false;
  bool just_id = false;
  std::optional<StreamId> last_id;
};

// Who claims, made if need be, and what it has claimed as effects.
class Claimer {
 public:
  Claimer(Call& call, const Key& key, StreamGroup& group, Bytes name)
      : call_(call), key_(key), group_(group), name_(name), consumer_(group.find_consumer(name)) {
    if (consumer_ == nullptr) {
      consumer_ = group.add_consumer(name, call.clock_ms());
      changed_beside(call, key, "xgroup-createconsumer");
      made_ = true;
    }
    consumer_->seen_ms = call.clock_ms();
  }
  StreamConsumer& consumer() { return *consumer_; }
  // Claims make a new consumer, too: only without them it is named.
  void effect(std::span<const StreamId> claimed) {
    if (made_ && claimed.empty()) effect_consumer(call_, key_, group_, name_);
    effect_claims(call_, key_, group_, name_, claimed);
  }

 private:
  Call& call_;
  const Key& key_;
  StreamGroup& group_;
  const Bytes name_;
  StreamConsumer* consumer_;
  bool made_ = false;
};

ClaimOptions parse_claim(Call& call, Args& args) {
  ClaimOptions options;
  options.idle_ms_min = std::max<int64_t>(
      args.integer("ERR Invalid min-idle-time argument for XCLAIM"), 0);
  while (args.more() && read_stream_id(args.peek(), 0)) {
    options.ids.push_back(take_stream_id(args, 0));
  }
  while (args.more()) {
    if (args.take("FORCE")) {
      options.force = true;
    } else if (args.take("JUSTID")) {
      options.just_id = true;
    } else if (args.take_with_value("IDLE")) {
      const int64_t idle = args.integer("ERR Invalid IDLE option argument for XCLAIM");
      options.delivered_ms = call.clock_ms() - std::max<int64_t>(idle, 0);
    } else if (args.take_with_value("TIME")) {
      options.delivered_ms = args.integer("ERR Invalid TIME option argument for XCLAIM");
    } else if (args.take_with_value("RETRYCOUNT")) {
      options.deliveries = args.integer("ERR Invalid RETRYCOUNT option argument for XCLAIM");
    } else if (args.take_with_value("LASTID")) {
      options.last_id = take_stream_id(args, 0);
    } else {
      args.fail("ERR Unrecognized XCLAIM option '" + std::string(args.peek()) + "'");
    }
  }
  return options;
}

// Gives an entry that is there to another consumer and writes it. One that was not pending has been
// delivered once before.
void claim(Call& call, Stream& stream, StreamGroup& group, StreamConsumer& consumer, StreamId id,
           const ClaimOptions& options) {
  const StreamPending* pending = group.pending().find(id);
  uint64_t deliveries = pending == nullptr ? 1 : pending->deliveries;
  if (options.deliveries && *options.deliveries >= 0) {
    deliveries = static_cast<uint64_t>(*options.deliveries);
  } else if (!options.just_id) {
    ++deliveries;
  }
  int64_t delivered_ms = options.delivered_ms.value_or(call.clock_ms());
  if (delivered_ms < 0 || delivered_ms > call.clock_ms()) delivered_ms = call.clock_ms();
  group.assign(id, &consumer, delivered_ms, deliveries);
  consumer.active_ms = call.clock_ms();
  if (options.just_id) {
    reply_id(call.reply(), id);
  } else {
    stream.each(id, id, false, [&](const StreamEntry& entry) {
      reply_entry(call.reply(), entry);
      return false;
    });
  }
}

// Whether an entry was delivered so lately that it is not to be claimed yet.
bool is_fresh(const Call& call, const StreamPending& pending, const ClaimOptions& options) {
  return options.idle_ms_min > 0 &&
         call.clock_ms() - pending.delivered_ms < options.idle_ms_min;
}

Status xclaim(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Bytes name = args.bytes();
  const Bytes consumer_name = args.bytes();
  GroupOf found = find_group(call, key, name);
  if (found.group == nullptr) return std::move(found.error);
  const ClaimOptions options = parse_claim(call, args);
  if (!args.ok()) return args.error();
  StreamGroup& group = *found.group;
  const bool moves = options.last_id && *options.last_id > group.last_id;
  if (moves) group.last_id = *options.last_id;
  Claimer claimer(call, key, group, consumer_name);
  const size_t mark = call.reply().open();
  std::vector<StreamId> claimed, deleted;
  for (const StreamId id : options.ids) {
    if (!found.stream->contains(id)) {  // then it is no longer pending either, whatever was asked
      if (group.acknowledge(id)) deleted.push_back(id);
      continue;
    }
    const StreamPending* pending = group.pending().find(id);
    if (pending == nullptr ? !options.force : is_fresh(call, *pending, options)) continue;
    claim(call, *found.stream, group, claimer.consumer(), id, options);
    claimed.push_back(id);
  }
  call.reply().close_array(mark, claimed.size());
  const size_t changes = claimed.size() + deleted.size();
  if (changes > 0) changed_beside(call, key, nullptr, changes);
  claimer.effect(claimed);
  effect_acks(call, key, group, deleted);
  if (moves) effect_group_id(call, key, group);
  return Status::ok();
}

// Looks at ten times as many entries as it may claim, so that a call stays short.
Status xautoclaim(Call& call) {
  constexpr int64_t kAttemptsPerEntry = 10;
  Args args(call);
  const Key key = args.key();
  const Bytes name = args.bytes();
  const Bytes consumer_name = args.bytes();
  ClaimOptions options;
  options.idle_ms_min = std::max<int64_t>(
      args.integer("ERR Invalid min-idle-time argument for XAUTOCLAIM"), 0);
  const StreamId start = take_range_start(args);
  int64_t left = 100;
  while (args.more()) {
    if (args.take_with_value("COUNT")) {
      left = args.integer_in(1, std::numeric_limits<int64_t>::max() / kAttemptsPerEntry,
                             "ERR COUNT must be > 0");
    } else if (args.take("JUSTID")) {
      options.just_id = true;
    } else {
      args.reject();
    }
  }
  if (!args.ok()) return args.error();
  GroupOf found = find_group(call, key, name);
  if (found.group == nullptr) return std::move(found.error);
  StreamGroup& group = *found.group;
  Claimer claimer(call, key, group, consumer_name);
  int64_t attempts = left * kAttemptsPerEntry;
  StreamId next;  // where the next call begins; 0-0: the end was reached
  std::vector<StreamId> due, deleted;
  each_pending(group, nullptr, start, [&](const StreamPending& entry) {
    if (attempts-- == 0 || left == 0) {
      next = entry.id;
      return false;
    }
    const bool there = found.stream->contains(entry.id);
    if (there && is_fresh(call, entry, options)) return true;
    (there ? due : deleted).push_back(entry.id);
    left -= 1;
    return true;
  });
  ReplyWriter& reply = call.reply();
  reply.array(3);
  reply_id(reply, next);
  reply.array(due.size());
  for (const StreamId id : due) claim(call, *found.stream, group, claimer.consumer(), id, options);
  reply.array(deleted.size());
  for (const StreamId id : deleted) {
    group.acknowledge(id);
    reply_id(reply, id);
  }
  const size_t changes = due.size() + deleted.size();
  if (changes > 0) changed_beside(call, key, nullptr, changes);
  claimer.effect(due);
  effect_acks(call, key, group, deleted);
  return Status::ok();
}

constexpr Acl kWrite = Acl::write | Acl::stream;

constexpr auto kGroupCards = family({
    {.name = "CREATE",
     .syntax = "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
     .summary = "Makes a consumer group.", .since = "5.0.0", .complexity = "O(1)",
     .group = "stream", .arity = at_least(5), .flags = Flag::write | Flag::deny_oom,
     .keys = key_at(2, KeyUse::read_write_insert), .acl = kWrite | Acl::slow, .run = create},
    {.name = "SETID", .syntax = "key group <id | $> [ENTRIESREAD entries-read]",
     .summary = "Sets the id that a group has read up to.", .since = "5.0.0",
     .complexity = "O(1)", .group = "stream", .arity = at_least(5), .flags = Flag::write,
     .keys = key_at(2, KeyUse::read_write_update), .acl = kWrite | Acl::slow, .run = set_id},
    {.name = "DESTROY", .syntax = "key group", .summary = "Removes a group.", .since = "5.0.0",
     .complexity = "O(N) where N is the number of entries in the group's pending entries list "
                   "(PEL).",
     .group = "stream", .arity = exactly(4), .flags = Flag::write,
     .keys = key_at(2, KeyUse::read_write_delete), .acl = kWrite | Acl::slow, .run = destroy},
    {.name = "CREATECONSUMER", .syntax = "key group consumer",
     .summary = "Makes a consumer of a group.", .since = "6.2.0", .complexity = "O(1)",
     .group = "stream", .arity = exactly(5), .flags = Flag::write | Flag::deny_oom,
     .keys = key_at(2, KeyUse::read_write_insert), .acl = kWrite | Acl::slow,
     .run = create_consumer},
    {.name = "DELCONSUMER", .syntax = "key group consumer",
     .summary = "Removes a consumer of a group.", .since = "5.0.0", .complexity = "O(1)",
     .group = "stream", .arity = exactly(5), .flags = Flag::write,
     .keys = key_at(2, KeyUse::read_write_delete), .acl = kWrite | Acl::slow,
     .run = delete_consumer},
    help_card("stream", "5.0.0", Acl::stream | Acl::slow, help),
});

constexpr auto kFamily = family({
    container_card("XGROUP", "Consumer groups.", "5.0.0", "stream", kGroupCards),
    {.name = "XACK", .syntax = "key group id [id ...]",
     .summary = "Acknowledges entries that were delivered to a group.", .since = "5.0.0",
     .complexity = "O(1) for each message ID processed.", .group = "stream",
     .arity = at_least(4), .flags = Flag::write | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_update), .acl = kWrite | Acl::fast, .run = xack},
    {.name = "XPENDING", .syntax = "key group [[IDLE min-idle-time] start end count [consumer]]",
     .summary = "Tells which entries were delivered and are not acknowledged.", .since = "5.0.0",
     .complexity = "O(N) with N being the number of elements returned", .group = "stream",
     .arity = at_least(3), .flags = Flag::readonly,
     .keys = key_at(1, KeyUse::read_only_access), .acl = Acl::read | Acl::stream | Acl::slow,
     .run = xpending},
    {.name = "XCLAIM",
     .syntax = "key group consumer min-idle-time id [id ...] [IDLE ms] "
               "[TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
     .summary = "Gives pending entries to another consumer.", .since = "5.0.0",
     .complexity = "O(log N) with N being the number of messages in the PEL",
     .group = "stream", .arity = at_least(6), .flags = Flag::write | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_update), .acl = kWrite | Acl::fast, .run = xclaim},
    {.name = "XAUTOCLAIM",
     .syntax = "key group consumer min-idle-time start [COUNT count] [JUSTID]",
     .summary = "Gives pending entries that are idle for long to another consumer.",
     .since = "6.2.0", .complexity = "O(1) if COUNT is small.", .group = "stream",
     .arity = at_least(6), .flags = Flag::write | Flag::fast,
     .keys = key_at(1, KeyUse::read_write_delete), .acl = kWrite | Acl::fast,
     .run = xautoclaim},
});

}  // namespace

std::span<const CommandSpec> stream_group_commands() { return kFamily; }

}  // namespace larder
