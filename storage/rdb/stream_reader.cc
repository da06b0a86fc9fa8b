#include "storage/rdb/stream_reader.h"

#include <algorithm>

#include "base/numbers.h"
#include "storage/rdb/blocks.h"

namespace larder {
namespace {

constexpr size_t kRawIdBytes = 16;
constexpr int64_t kDeleted = 1;
constexpr int64_t kSameFields = 2;

// A count, or a time in ms, that commands may do sums with. `least`: -1 where that stands for none.
bool is_sound(int64_t value, int64_t least = 0) { return value >= least; }

StreamId raw_id(const char* bytes) {
  uint64_t halves[2] = {};
  for (size_t i = 0; i < kRawIdBytes; ++i) {
    halves[i / 8] = halves[i / 8] << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return {halves[0], halves[1]};
}

// One node's entries.
class NodeReader {
 public:
  NodeReader(StreamId first, Bytes listpack, RdbArena& arena, RdbValue& value)
      : first_(first), block_(listpack), arena_(arena), value_(value) {}

  bool read() {
    int64_t count = 0;
    int64_t deleted = 0;
    if (!read_head(count, deleted)) return false;
    int64_t living = 0;
    int64_t dead = 0;
    PackedValue flags;
    while (block_.next(flags)) {
      if (!flags.is_integer || (flags.integer & ~(kDeleted | kSameFields)) != 0) return false;
      ++((flags.integer & kDeleted) != 0 ? dead : living);
      if (!read_entry(flags.integer)) return false;
    }
    return block_.ok() && living == count && dead == deleted;
  }

 private:
  bool read_head(int64_t& count, int64_t& deleted) {
    int64_t fields = 0;
    int64_t end = 0;
    if (!block_.next_integer(count) || !block_.next_integer(deleted) ||
        !block_.next_integer(fields) || fields < 0) {
      return false;
    }
    for (PackedValue field; fields > 0; --fields) {
      if (!block_.next(field)) return false;
      fields_.push_back(keep(field));
    }
    return block_.next_integer(end) && end == 0;
  }

  bool read_entry(int64_t flags) {
    int64_t ms = 0;
    int64_t seq = 0;
    auto pairs = static_cast<int64_t>(fields_.size());
    const bool same = (flags & kSameFields) != 0;
    if (!block_.next_integer(ms) || !block_.next_integer(seq)) return false;
    if (!same && (!block_.next_integer(pairs) || pairs < 0)) return false;
    RdbStream::Entry entry;
    entry.id = {first_.ms + static_cast<uint64_t>(ms), first_.seq + static_cast<uint64_t>(seq)};
    entry.first = value_.items.size();
    for (int64_t i = 0; i < pairs; ++i) {
      PackedValue item;
      if (!same && !block_.next(item)) return false;
      value_.items.push_back(same ? fields_[static_cast<size_t>(i)] : keep(item));
      if (!block_.next(item)) return false;
      value_.items.push_back(keep(item));
    }
    int64_t before = 0;
    if (!block_.next_integer(before) || before != (same ? pairs + 3 : 2 * pairs + 4)) return false;
    entry.count = value_.items.size() - entry.first;
    return (flags & kDeleted) != 0 ? drop(entry) : add(entry);
  }

  bool drop(const RdbStream::Entry& entry) {
    value_.items.resize(entry.first);
    return true;
  }

  bool add(const RdbStream::Entry& entry) {
    auto& entries = value_.stream->entries;
    const StreamId last = entries.empty() ? StreamId{} : entries.back().id;
    if (entry.id <= last || entry.count == 0) return false;
    entries.push_back(entry);
    return true;
  }

  Bytes keep(const PackedValue& value) {
    if (!value.is_integer) return value.string;
    char* text = arena_.take(kInt64TextMax);
    const size_t size = format_int64(value.integer, text);
    arena_.give_back(kInt64TextMax - size);
    return {text, size};
  }

  const StreamId first_;
  ListpackReader block_;
  RdbArena& arena_;
  RdbValue& value_;
  std::vector<Bytes> fields_;
};

class StreamReader {
 public:
  StreamReader(RdbReader& in, unsigned version, RdbArena& arena, RdbValue& value)
      : in_(in), version_(version), arena_(arena), value_(value), stream_(*value.stream) {}

  void read() {
    for (uint64_t left = in_.length(); left > 0 && in_.ok(); --left) read_node();
    const uint64_t length = in_.length();
    stream_.last_id = id();
    stream_.entries_added = length;
    if (version_ >= 2) {
      (void)id();  // the first one's, which the entries tell
      stream_.max_deleted_id = id();
      stream_.entries_added = in_.length();
    }
    if (!in_.ok()) return;
    if (!is_sound(static_cast<int64_t>(stream_.entries_added))) {
      return in_.fail("the stream's count of entries is out of range");
    }
    const auto& entries = stream_.entries;
    if (length != entries.size()) return in_.fail("the stream's length is not that of its entries");
    if (!entries.empty() && entries.back().id > stream_.last_id) {
      return in_.fail("the stream's last id is below that of an entry");
    }
    for (uint64_t left = in_.length(); left > 0 && in_.ok(); --left) read_group();
  }

 private:
  StreamId id() {
    const uint64_t ms = in_.length();
    const uint64_t seq = in_.length();
    return {ms, seq};
  }

  StreamId fixed_id() {
    char bytes[kRawIdBytes];
    in_.bytes(bytes, sizeof bytes);
    return raw_id(bytes);
  }

  void read_node() {
    const uint64_t offset = in_.offset();
    const Bytes key = in_.string(arena_);
    const Bytes listpack = in_.string(arena_);
    if (!in_.ok()) return;
    if (key.size() != kRawIdBytes)
      return in_.fail_at(offset, "the key of a stream's node is no id");
    if (!NodeReader(raw_id(key.data()), listpack, arena_, value_).read()) {
      in_.fail_at(offset, "a node of the stream is broken");
    }
  }

  void read_group() {
    RdbStream::Group group;
    group.name = in_.string(arena_);
    group.last_id = id();
    group.entries_read = version_ >= 2 ? static_cast<int64_t>(in_.length())
                                       : guess_entries_read(group.last_id);
    if (!is_sound(group.entries_read, -1)) {
      return in_.fail("a group's count of entries is out of range");
    }
    for (uint64_t left = in_.length(); left > 0 && in_.ok(); --left) {
      RdbStream::Pending pending;
      pending.id = fixed_id();
      pending.delivered_ms = in_.fixed<int64_t>();
      pending.deliveries = in_.length();
      if (!is_sound(pending.delivered_ms)) {
        return in_.fail("the time of a pending entry is out of range");
      }
      if (!group.pending.empty() && pending.id <= group.pending.back().id) {
        return in_.fail("pending entries are out of order");
      }
      group.pending.push_back(pending);
    }
    for (uint64_t left = in_.length(); left > 0 && in_.ok(); --left) read_consumer(group);
    if (!in_.ok()) return;
    for (const RdbStream::Pending& pending : group.pending) {
      if (pending.consumer == RdbStream::kNobody) {
        return in_.fail("a pending entry belongs to no consumer");
      }
    }
    stream_.groups.push_back(std::move(group));
  }

  // Before version 2 nobody counted: of a stream without gaps it is known at its ends.
  int64_t guess_entries_read(StreamId last) const {
    const auto& entries = stream_.entries;
    if (entries.empty() || last < entries.front().id) return 0;
    if (last == stream_.last_id) return static_cast<int64_t>(entries.size());
    return last == entries.front().id ? 1 : -1;
  }

  void read_consumer(RdbStream::Group& group) {
    RdbStream::Consumer consumer;
    consumer.name = in_.string(arena_);
    consumer.seen_ms = in_.fixed<int64_t>();
    consumer.active_ms = version_ >= 3 ? in_.fixed<int64_t>() : consumer.seen_ms;
    if (!is_sound(consumer.seen_ms) || !is_sound(consumer.active_ms, -1)) {
      return in_.fail("the time of a consumer is out of range");
    }
    const auto index = static_cast<uint32_t>(group.consumers.size());
    for (uint64_t left = in_.length(); left > 0 && in_.ok(); --left) {
      const StreamId wanted = fixed_id();
      const auto found = std::lower_bound(
          group.pending.begin(), group.pending.end(), wanted,
          [](const RdbStream::Pending& pending, StreamId other) { return pending.id < other; });
      if (found == group.pending.end() || found->id != wanted ||
          found->consumer != RdbStream::kNobody) {
        return in_.fail("a consumer's pending entry is not its group's");
      }
      found->consumer = index;
    }
    group.consumers.push_back(consumer);
  }

  RdbReader& in_;
  const unsigned version_;
  RdbArena& arena_;
  RdbValue& value_;
  RdbStream& stream_;
};

}  // namespace

void read_rdb_stream(RdbReader& reader, unsigned version, RdbArena& arena, RdbValue& value) {
  StreamReader(reader, version, arena, value).read();
}

}  // namespace larder
