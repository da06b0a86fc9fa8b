#include "server/commands/stream_values.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/loose_numbers.h"
#include "server/engine/effect_words.h"

namespace larder {
namespace {

constexpr uint64_t kSeqMax = std::numeric_limits<uint64_t>::max();

std::optional<uint64_t> read_part(Bytes text) {
  return text.empty() || text.find('-') != Bytes::npos ? std::nullopt : parse_loose_uint64(text);
}

}  // namespace

std::optional<StreamId> read_stream_id(Bytes text, uint64_t missing_seq) {
  if (const auto id = parse_stream_id(text, missing_seq)) return id;
  const size_t dash = text.find('-');
  const auto ms = read_part(text.substr(0, dash));
  const auto seq =
      dash == Bytes::npos ? std::optional(missing_seq) : read_part(text.substr(dash + 1));
  if (!ms || !seq) return {};
  return StreamId{*ms, *seq};
}

StreamId take_stream_id(Args& args, uint64_t missing_seq) {
  const Bytes text = args.bytes();
  if (!args.ok()) return {};
  const auto id = read_stream_id(text, missing_seq);
  if (!id) args.fail(kBadStreamId);
  return id.value_or(StreamId{});
}

StreamId take_range_start(Args& args) {
  const Bytes text = args.bytes();
  if (text == "-") return {};
  if (text == "+") return StreamId::max();
  const bool open = !text.empty() && text[0] == '(';
  const auto id = read_stream_id(text.substr(open ? 1 : 0), 0);
  if (!id) args.fail(kBadStreamId);
  if (!id || !open) return id.value_or(StreamId{});
  const auto next = id->next();
  if (!next) args.fail("ERR invalid start ID for the interval");
  return next.value_or(StreamId{});
}

StreamId take_range_end(Args& args) {
  const Bytes text = args.bytes();
  if (text == "-") return {};
  if (text == "+") return StreamId::max();
  const bool open = !text.empty() && text[0] == '(';
  const auto id = read_stream_id(text.substr(open ? 1 : 0), kSeqMax);
  if (!id) args.fail(kBadStreamId);
  if (!id || !open) return id.value_or(StreamId{});
  const auto previous = id->previous();
  if (!previous) args.fail("ERR invalid end ID for the interval");
  return previous.value_or(StreamId{});
}

void reply_id(ReplyWriter& reply, StreamId id) {
  char text[StreamId::kTextMax];
  reply.bulk({text, id.format(text)});
}

void reply_entry(ReplyWriter& reply, const StreamEntry& entry) {
  reply.array(2);
  reply_id(reply, entry.id);
  reply.array(entry.items.size());
  for (const Bytes item : entry.items) reply.bulk(item);
}

size_t reply_range(ReplyWriter& reply, const Stream& stream, StreamId first, StreamId last,
                   bool reverse, size_t most) {
  const size_t mark = reply.open();
  size_t count = 0;
  if (most > 0) {
    stream.each(first, last, reverse, [&](const StreamEntry& entry) {
      reply_entry(reply, entry);
      return ++count < most;
    });
  }
  reply.close_array(mark, count);
  return count;
}

void changed_beside(Call& call, const Key& key, const char* event, uint64_t changes) {
  call.changed_at_large(changes);
  if (event != nullptr) call.also(event, key);
}

// Entries that were delivered at the same time and equally often share a request.
void effect_claims(Call& call, const Key& key, StreamGroup& group, Bytes consumer,
                   std::span<const StreamId> ids) {
  const std::string last = group.last_id.text();
  while (!ids.empty() && call.wants_effect()) {
    const StreamPending first = *group.pending().find(ids[0]);
    const auto end = std::find_if(ids.begin(), ids.end(), [&](StreamId id) {
      const StreamPending* pending = group.pending().find(id);
      return pending->delivered_ms != first.delivered_ms || pending->deliveries != first.deliveries;
    });
    const auto count = static_cast<size_t>(end - ids.begin());
    std::vector<std::string> texts;
    for (const StreamId id : ids.first(count)) texts.push_back(id.text());
    std::vector<Bytes> words{"XCLAIM", key.name, group.name(), consumer, "0"};
    words.insert(words.end(), texts.begin(), texts.end());
    const NumberWord time(first.delivered_ms), deliveries(first.deliveries);
    words.insert(words.end(), {"TIME", time, "RETRYCOUNT", deliveries, "FORCE", "JUSTID", "LASTID",
                               last});
    call.effect(words);
    ids = ids.subspan(count);
  }
}

void effect_acks(Call& call, const Key& key, const StreamGroup& group,
                 std::span<const StreamId> ids) {
  if (ids.empty() || !call.wants_effect()) return;
  std::vector<std::string> texts;
  for (const StreamId id : ids) texts.push_back(id.text());
  std::vector<Bytes> words{"XACK", key.name, group.name()};
  words.insert(words.end(), texts.begin(), texts.end());
  call.effect(words);
}

void effect_group_id(Call& call, const Key& key, const StreamGroup& group) {
  if (!call.wants_effect()) return;
  call.effect({"XGROUP", "SETID", key.name, group.name(), group.last_id.text(), "ENTRIESREAD",
               NumberWord(group.entries_read)});
}

void effect_consumer(Call& call, const Key& key, const StreamGroup& group, Bytes consumer) {
  call.effect({"XGROUP", "CREATECONSUMER", key.name, group.name(), consumer});
}

GroupOf find_group(Call& call, const Key& key, Bytes name) {
  return group_in(call.find_to_read(key), key, name);
}

GroupOf group_in(Item item, const Key& key, Bytes name) {
  GroupOf found;
  found.item = item;
  if (!is_stream(found.item)) {
    found.error = Status::error(errors::kWrongType);
    return found;
  }
  if (found.item) {
    found.stream = &stream_of(*found.item.entry());
    found.group = found.stream->find_group(name);
  }
  if (found.group == nullptr) found.error = Status::error(no_group(key.name, name));
  return found;
}

}  // namespace larder
