#include "server/commands/stream_values.h"

#include <limits>

namespace larder {
namespace {

constexpr uint64_t kSeqMax = std::numeric_limits<uint64_t>::max();

}  // namespace

StreamId take_stream_id(Args& args, uint64_t missing_seq) {
  const Bytes text = args.bytes();
  if (!args.ok()) return {};
  const auto id = parse_stream_id(text, missing_seq);
  if (!id) args.fail(kBadStreamId);
  return id.value_or(StreamId{});
}

StreamId take_range_start(Args& args) {
  const Bytes text = args.bytes();
  if (text == "-") return {};
  if (text == "+") return StreamId::max();
  const bool open = !text.empty() && text[0] == '(';
  const auto id = parse_stream_id(text.substr(open ? 1 : 0), 0);
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
  const auto id = parse_stream_id(text.substr(open ? 1 : 0), kSeqMax);
  if (!id) args.fail(kBadStreamId);
  if (!id || !open) return id.value_or(StreamId{});
  const auto previous = id->previous();
  if (!previous) args.fail("ERR invalid end ID for the interval");
  return previous.value_or(StreamId{});
}

void reply_id(ReplyWriter& reply, StreamId id) { reply.bulk(id.text()); }

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

GroupOf find_group(Call& call, const Key& key, Bytes name) {
  GroupOf found;
  found.item = call.find_to_write(key);
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
