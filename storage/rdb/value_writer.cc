#include "storage/rdb/value_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "storage/hash.h"
#include "storage/integer_run.h"
#include "storage/rdb/encode.h"
#include "storage/rdb/listpack_writer.h"
#include "storage/sorted_sets.h"
#include "storage/streams.h"
#include "storage/strings.h"

namespace larder {
namespace {

using rdb::put_fixed;
using rdb::put_length;
using rdb::put_string;

bool is_timed_hash(const Entry& entry) { return earliest_field_ms(entry) != kNeverMs; }

// An expiry relative to the first one, 0: none. One that is over may lie before that.
uint64_t relative_expiry(int64_t expiry_ms, int64_t first_ms) {
  if (expiry_ms == kNoExpiry) return 0;
  return static_cast<uint64_t>(std::max(expiry_ms, first_ms) - first_ms + 1);
}

// Calls visit(name, value, expiry_ms) for each field of a small hash.
template <typename Visit>
void each_packed_field(const Entry& entry, Visit visit) {
  const Pack pack(entry.payload_view());
  const bool timed = entry.encoding() == Encoding::timed_pack;
  for (size_t at = 0; !pack.is_end(at);) {
    const Pack::Item name = pack.at(at);
    const Pack::Item value = pack.at(name.end());
    at = value.end();
    int64_t expiry_ms = kNoExpiry;
    if (timed) {
      const Pack::Item time = pack.at(at);
      if (time.integer != 0) expiry_ms = time.integer;
      at = time.end();
    }
    visit(name, value, expiry_ms);
  }
}

void write_string(std::string& out, const Entry& entry, RdbCompression compress) {
  if (entry.encoding() == Encoding::integer) {
    return rdb::put_integer(out, load<int64_t>(entry.payload()));
  }
  IntegerText scratch;
  put_string(out, string_bytes(entry, scratch), compress);
}

void write_intset(std::string& out, const Entry& entry, RdbCompression compress) {
  const IntegerRun run(entry.payload_view());
  std::string set;
  put_fixed(set, uint32_t{run.width()});
  put_fixed(set, static_cast<uint32_t>(run.size()));
  set.append(entry.payload_view().substr(1));
  put_string(out, set, compress);
}

void write_packed_set(std::string& out, const Entry& entry, bool as_listpack,
                      RdbCompression compress) {
  const Pack pack(entry.payload_view());
  ListpackWriter listpack;
  IntegerText scratch;
  if (!as_listpack) put_length(out, pack.count());
  for (size_t at = 0; !pack.is_end(at);) {
    const Pack::Item member = pack.at(at);
    at = member.end();
    as_listpack ? listpack.add(member) : put_string(out, member.bytes(scratch), compress);
  }
  if (as_listpack) put_string(out, listpack.finish(), compress);
}

void write_packed_hash(std::string& out, const Entry& entry, RdbCompression compress) {
  ListpackWriter listpack;
  each_packed_field(entry, [&](const Pack::Item& name, const Pack::Item& value, int64_t) {
    listpack.add(name);
    listpack.add(value);
  });
  put_string(out, listpack.finish(), compress);
}

void write_timed_hash(std::string& out, const Entry& entry, RdbCompression compress) {
  const int64_t first_ms = earliest_field_ms(entry);
  put_fixed(out, first_ms);
  put_length(out, Pack(entry.payload_view()).count() / 3);
  IntegerText scratch;
  each_packed_field(entry, [&](const Pack::Item& name, const Pack::Item& value, int64_t expiry) {
    put_length(out, relative_expiry(expiry, first_ms));
    put_string(out, name.bytes(scratch), compress);
    put_string(out, value.bytes(scratch), compress);
  });
}

void write_valkey_hash(std::string& out, const Entry& entry, RdbCompression compress) {
  put_length(out, Pack(entry.payload_view()).count() / 3);
  IntegerText scratch;
  each_packed_field(entry, [&](const Pack::Item& name, const Pack::Item& value, int64_t expiry) {
    put_string(out, name.bytes(scratch), compress);
    put_string(out, value.bytes(scratch), compress);
    put_fixed(out, expiry);
  });
}

void write_packed_sorted_set(std::string& out, const Entry& entry, RdbCompression compress) {
  ListpackWriter listpack;
  char text[kDoubleTextMax];
  SortedSetView(entry).each([&](Bytes member, double score) {
    listpack.add(member);
    listpack.add(Bytes(text, format_double(score, text)));
  });
  put_string(out, listpack.finish(), compress);
}

void put_stream_id(std::string& out, StreamId id) {
  put_length(out, id.ms);
  put_length(out, id.seq);
}

// As they stand in keys of the tree and in pending lists: sixteen bytes, big endian.
void put_raw_id(std::string& out, StreamId id) {
  for (const uint64_t half : {id.ms, id.seq}) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      rdb::put_byte(out, static_cast<uint8_t>(half >> shift));
    }
  }
}

}  // namespace

bool is_big_value(const Entry& entry) {
  if (entry.encoding() != Encoding::object) return false;
  const Object* object = Keyspace::object_of(entry);
  size_t elements = object->elements();
  if (entry.type() == Type::stream) {
    for (const StreamGroup* group : static_cast<const Stream*>(object)->groups()) {
      elements += group->pending().size();
    }
  }
  return elements > kRdbPieceElements;
}

void rdb_append_use(std::string& out, const EntryUse& use) {
  if (use.idle_seconds >= 0) {
    rdb::put_opcode(out, RdbOpcode::idle);
    rdb::put_length(out, static_cast<uint64_t>(use.idle_seconds));
  }
  if (use.frequency < 0) return;
  rdb::put_opcode(out, RdbOpcode::freq);
  out += static_cast<char>(use.frequency);
}

void rdb_append_key_head(std::string& out, const Entry& entry, RdbType type) {
  if (entry.is(Entry::kHasExpiry)) {
    rdb::put_opcode(out, RdbOpcode::expiretime_ms);
    put_fixed(out, entry.expiry_ms());
  }
  rdb::put_type(out, type);
  put_string(out, entry.key(), false);
}

RdbValueWriter::RdbValueWriter(const Entry& entry, const RdbFormat& format)
    : entry_(entry),
      object_(entry.encoding() == Encoding::object ? Keyspace::object_of(entry) : nullptr),
      format_(format),
      type_(choose_type()) {}

RdbType RdbValueWriter::choose_type() const {
  const bool packed = object_ == nullptr;
  switch (entry_.type()) {
    case Type::string:
      return RdbType::string;
    case Type::list:
      return RdbType::list_quicklist_2;
    case Type::set:
      if (entry_.encoding() == Encoding::integers) return RdbType::set_intset;
      return packed && format_.version > kRdbVersion ? RdbType::set_listpack : RdbType::set;
    case Type::sorted_set:
      return packed ? RdbType::sorted_set_listpack : RdbType::sorted_set_2;
    case Type::hash:
      if (is_timed_hash(entry_)) {
        return format_.version < kRdbVersionValkey ? RdbType::hash_metadata : RdbType::hash_valkey;
      }
      return packed ? RdbType::hash_listpack : RdbType::hash;
    case Type::stream:
      break;
  }
  return format_.version > kRdbVersion ? RdbType::stream_3 : RdbType::stream_2;
}

bool RdbValueWriter::write_some(std::string& out, size_t bytes_wanted) {
  if (object_ == nullptr) {
    write_small(out);
    return false;
  }
  const size_t room = std::numeric_limits<size_t>::max() - out.size();
  const size_t end = out.size() + std::min(bytes_wanted, room);
  if (!begun_) write_object_head(out);
  begun_ = true;
  switch (type_) {
    case RdbType::list_quicklist_2:
      return write_list(out, end);
    case RdbType::sorted_set_2:
      return write_sorted_set(out, end);
    case RdbType::stream_2:
    case RdbType::stream_3:
      return write_stream(out, end);
    default:
      return write_table(out, end);
  }
}

void RdbValueWriter::write_small(std::string& out) const {
  switch (type_) {
    case RdbType::string:
      return write_string(out, entry_, format_.compress);
    case RdbType::set_intset:
      return write_intset(out, entry_, format_.compress);
    case RdbType::set:
      return write_packed_set(out, entry_, false, format_.compress);
    case RdbType::set_listpack:
      return write_packed_set(out, entry_, true, format_.compress);
    case RdbType::hash_listpack:
      return write_packed_hash(out, entry_, format_.compress);
    case RdbType::hash_metadata:
      return write_timed_hash(out, entry_, format_.compress);
    case RdbType::hash_valkey:
      return write_valkey_hash(out, entry_, format_.compress);
    default:
      return write_packed_sorted_set(out, entry_, format_.compress);
  }
}

void RdbValueWriter::write_object_head(std::string& out) {
  if (type_ == RdbType::hash_metadata) {
    // A field's time may be up to a tick earlier.
    const int64_t earliest_ms = static_cast<const ElementObject*>(object_)->earliest_ms();
    first_expiry_ms_ = std::max<int64_t>(earliest_ms - ElementObject::kTickMs, 0);
    put_fixed(out, first_expiry_ms_);
  }
  size_t count = object_->elements();
  if (type_ == RdbType::list_quicklist_2) {
    block_ = static_cast<const List*>(object_)->first_block();
    count = 0;
    for (const ListBlock* block = block_; block != nullptr; block = block->next) ++count;
  }
  if (type_ == RdbType::stream_2 || type_ == RdbType::stream_3) {
    count = static_cast<const Stream*>(object_)->block_count();
  }
  put_length(out, count);
}

bool RdbValueWriter::write_table(std::string& out, size_t end) {
  const ElementTable& table = static_cast<const ElementObject*>(object_)->table();
  const auto write = [&](const Element* element) {
    if (type_ == RdbType::hash_metadata) {
      put_length(out, relative_expiry(element->expiry_ms(), first_expiry_ms_));
    }
    put_string(out, element->key(), format_.compress);
    if (type_ != RdbType::set) put_string(out, element->value(), format_.compress);
    if (type_ == RdbType::hash_valkey) put_fixed(out, element->expiry_ms());
  };
  do {
    cursor_ = table.walk(cursor_, write);
  } while (cursor_ != 0 && out.size() < end);
  return cursor_ != 0;
}

// A block becomes a node of the quicklist.
bool RdbValueWriter::write_list(std::string& out, size_t end) {
  constexpr uint64_t kPackedNode = 2;
  ListpackWriter listpack;
  for (; block_ != nullptr && out.size() < end; block_ = block_->next) {
    listpack.clear();
    const ListBlock* plain = block_->plain();
    ListBlock::Place place = plain->outermost(ListEnd::head);
    for (size_t left = plain->count(); left > 0; --left) {
      listpack.add(plain->value(place));
      if (left > 1) place = plain->step(place, ListEnd::tail);
    }
    put_length(out, kPackedNode);
    put_string(out, listpack.finish(), format_.compress);
  }
  return block_ != nullptr;
}

// The highest first, as Redis does: it fills its lists from that end.
bool RdbValueWriter::write_sorted_set(std::string& out, size_t end) {
  const ScoreTree& tree = static_cast<const SortedSetObject*>(object_)->tree();
  if (written_ == tree.size()) return false;
  ScoreTree::Cursor at = tree.at(tree.size() - 1 - written_);
  for (; written_ < tree.size() && out.size() < end; ++written_) {
    put_string(out, at.element()->key(), format_.compress);
    put_fixed(out, at.score());
    at.previous();
  }
  return written_ < tree.size();
}

bool RdbValueWriter::write_stream(std::string& out, size_t end) {
  const auto& stream = *static_cast<const Stream*>(object_);
  for (; written_ < stream.block_count(); ++written_) {
    if (out.size() >= end) return true;
    write_stream_node(out, stream, written_);
  }
  if (!std::exchange(tail_begun_, true)) write_stream_facts(out, stream);
  for (; group_ < stream.groups().size(); ++group_, place_ = {}) {
    if (write_group(out, end, *stream.groups()[group_])) return true;
  }
  return false;
}

// A block becomes a node, so a listpack is no longer than blocks are.
//   node     first id | listpack: head, entry, entry, ...
//   head     count, deleted, fields, field ..., 0
//   entry    flags, ms - first, seq - first, [fields, field, value ... | value ...], items before
void RdbValueWriter::write_stream_node(std::string& out, const Stream& stream,
                                       size_t block) const {
  constexpr int64_t kSameFields = 2;
  ListpackWriter listpack;
  StreamId first;
  std::vector<std::string> fields;  // of the first entry
  bool begun = false;
  const auto is_same = [&](const StreamEntry& entry) {
    bool same = entry.items.size() == 2 * fields.size();
    for (size_t i = 0; same && i < fields.size(); ++i) same = entry.items[2 * i] == fields[i];
    return same;
  };
  stream.each_of_block(block, [&](const StreamEntry& entry) {
    if (!std::exchange(begun, true)) {
      first = entry.id;
      for (size_t i = 0; i < entry.items.size(); i += 2) fields.emplace_back(entry.items[i]);
      listpack.add_integer(static_cast<int64_t>(stream.block_length(block)));
      listpack.add_integer(0);
      listpack.add_integer(static_cast<int64_t>(fields.size()));
      for (const std::string& field : fields) listpack.add(field);
      listpack.add_integer(0);
    }
    const bool same = is_same(entry);
    listpack.add_integer(same ? kSameFields : 0);
    listpack.add_integer(static_cast<int64_t>(entry.id.ms - first.ms));
    listpack.add_integer(static_cast<int64_t>(entry.id.seq - first.seq));
    const auto pairs = static_cast<int64_t>(entry.items.size() / 2);
    if (!same) listpack.add_integer(pairs);
    for (size_t i = same ? 1 : 0; i < entry.items.size(); i += same ? 2 : 1) {
      listpack.add(entry.items[i]);
    }
    listpack.add_integer(same ? pairs + 3 : 2 * pairs + 4);
    return true;
  });
  std::string id;
  put_raw_id(id, first);
  put_string(out, id, false);
  put_string(out, listpack.finish(), format_.compress);
}

void RdbValueWriter::write_stream_facts(std::string& out, const Stream& stream) const {
  put_length(out, stream.length());
  put_stream_id(out, stream.last_id());
  put_stream_id(out, stream.first_id().value_or(StreamId{}));
  put_stream_id(out, stream.max_deleted_id());
  put_length(out, stream.entries_added());
  put_length(out, stream.groups().size());
}

//   group    name, last id, entries read | pending: count, id time deliveries, ... | consumers
//   consumer name, times | pending: count, id, ...
bool RdbValueWriter::write_group(std::string& out, size_t end, const StreamGroup& group) {
  if (!std::exchange(place_.begun, true)) {
    put_string(out, group.name(), false);
    put_stream_id(out, group.last_id);
    put_length(out, static_cast<uint64_t>(group.entries_read));
    put_length(out, group.pending().size());
  }
  if (!place_.pending_done) {
    if (write_pending(out, end, group)) return true;
    place_.pending_done = true;
    put_length(out, group.consumers().size());
  }
  for (; place_.consumer < group.consumers().size(); ++place_.consumer) {
    if (write_consumer(out, end, *group.consumers()[place_.consumer])) return true;
  }
  return false;
}

// Entries that were delivered and not acknowledged.
bool RdbValueWriter::write_pending(std::string& out, size_t end, const StreamGroup& group) {
  for (; place_.pending < group.pending().size(); ++place_.pending) {
    if (out.size() >= end) return true;
    const StreamPending& pending = *group.pending().at_or_after(place_.next);
    put_raw_id(out, pending.id);
    put_fixed(out, pending.delivered_ms);
    put_length(out, pending.deliveries);
    place_.next = pending.id.next().value_or(StreamId::max());
  }
  return false;
}

bool RdbValueWriter::write_consumer(std::string& out, size_t end, const StreamConsumer& consumer) {
  if (out.size() >= end) return true;
  if (!std::exchange(place_.consumer_begun, true)) {
    put_string(out, consumer.name(), false);
    put_fixed(out, consumer.seen_ms);
    if (type_ == RdbType::stream_3) put_fixed(out, consumer.active_ms);
    put_length(out, consumer.pending());
    place_.pending = 0;
    place_.next = {};
  }
  for (; place_.pending < consumer.pending(); ++place_.pending) {
    if (out.size() >= end) return true;
    const StreamId id = *consumer.pending_from(place_.next);
    put_raw_id(out, id);
    place_.next = id.next().value_or(StreamId::max());
  }
  place_.consumer_begun = false;
  return false;
}

}  // namespace larder
