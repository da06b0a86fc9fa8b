// What the stream families share: ids as clients write them, entries as replies show them, streams
// and groups by name.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "server/engine/args.h"
#include "server/engine/call.h"
#include "server/engine/errors.h"
#include "server/engine/key_types.h"
#include "storage/streams.h"

namespace larder {

inline constexpr const char* kBadStreamId =
    "ERR Invalid stream ID specified as stream command argument";

inline bool is_stream(Item item) { return is_type(item, Type::stream); }

// "ms-seq" or "ms", whose sequence number is then `missing_seq`; zeros, blanks and a plus may stand
// in front of either number. Nothing for anything else.
std::optional<StreamId> read_stream_id(Bytes text, uint64_t missing_seq);
// An id as above. Latches the error.
StreamId take_stream_id(Args& args, uint64_t missing_seq);
// The same for an end of a range: also "-", "+", and "(id", which leaves the id itself out.
StreamId take_range_start(Args& args);
StreamId take_range_end(Args& args);

void reply_id(ReplyWriter& reply, StreamId id);
// [id, [field, value, ...]]
void reply_entry(ReplyWriter& reply, const StreamEntry& entry);
// The entries between two ids as an array, at most `most` of them. Returns how many.
size_t reply_range(ReplyWriter& reply, const Stream& stream, StreamId first, StreamId last,
                   bool reverse, size_t most);

// What is kept beside a stream's entries changed: its last id, a group, who has which entry. Save
// points and replicas learn of it, WATCH and client-side caching don't. `event` may be null: no
// keyspace event, as for reading, claiming and acknowledging.
void changed_beside(Call& call, const Key& key, const char* event, uint64_t changes = 1);

// The state that reading and claiming leave in a group, as effects: who has which entries since
// when, what is no longer pending, how far the group has read, a new consumer.
void effect_claims(Call& call, const Key& key, StreamGroup& group, Bytes consumer,
                   std::span<const StreamId> ids);
void effect_acks(Call& call, const Key& key, const StreamGroup& group,
                 std::span<const StreamId> ids);
void effect_group_id(Call& call, const Key& key, const StreamGroup& group);
void effect_consumer(Call& call, const Key& key, const StreamGroup& group, Bytes consumer);

// Commands that name a group. Null, with `error` set, when key or group is missing.
struct GroupOf {
  Item item;
  Stream* stream = nullptr;
  StreamGroup* group = nullptr;
  Status error = Status::ok();
};
GroupOf find_group(Call& call, const Key& key, Bytes name);
// The same of a key that was looked up already.
GroupOf group_in(Item item, const Key& key, Bytes name);
// Visits pending entries of a group, or of one consumer (null: all), from an id on until `visit`
// returns false. It may remove the one it sees.
template <typename Visit>
void each_pending(StreamGroup& group, const StreamConsumer* consumer, StreamId from, Visit visit) {
  std::optional<StreamId> next = from;
  while (next) {
    if (consumer != nullptr) next = consumer->pending_from(*next);
    StreamPending* entry = next ? group.pending().at_or_after(*next) : nullptr;
    if (entry == nullptr) return;
    next = entry->id.next();
    if (!visit(*entry)) return;
  }
}

inline std::string no_group(Bytes key, Bytes group) {
  return "NOGROUP No such key '" + std::string(key) + "' or consumer group '" + std::string(group) +
         "'";
}

}  // namespace larder
