#include "storage/rdb/value_store.h"

#include <algorithm>
#include <memory>

#include "storage/hash.h"
#include "storage/strings.h"

namespace larder {
namespace {

bool has_repetition(std::vector<Bytes> names) {
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

// A large object is made in a slab of its own from the start, which put_object takes over.
class ObjectSlab {
 public:
  ObjectSlab(Keyspace& keys, size_t elements) : shared_(keys.slab()) {
    if (elements > Object::kSharedSlabElements) own_ = std::make_unique<Slab>();
  }
  Slab& get() { return own_ ? *own_ : shared_; }
  // The object is the keyspace's from now on.
  void release() { (void)own_.release(); }
  // The object is given up.
  void destroy(Object* object) {
    if (!own_) object->destroy();  // otherwise it goes with its slab
  }

 private:
  Slab& shared_;
  std::unique_ptr<Slab> own_;
};

class ValueStore {
 public:
  ValueStore(Keyspace& keys, const Key& key, Item old, const RdbValue& value,
             const ValueLimits& limits, int64_t expiry_ms, int64_t now_ms, DueFields due_fields)
      : keys_(keys),
        key_(key),
        old_(old),
        value_(value),
        limits_(limits),
        expiry_ms_(expiry_ms),
        now_ms_(now_ms),
        due_fields_(due_fields) {}

  StoredValue put() {
    if (value_.type != Type::string && value_.type != Type::stream && value_.items.empty()) {
      return kRefused;
    }
    switch (value_.type) {
      case Type::string:
        return {true, put_string(keys_, key_, old_, value_.string, expiry_ms_)};
      case Type::list:
        return put_list();
      case Type::set:
        return put_set();
      case Type::sorted_set:
        return put_scored();
      case Type::hash:
        return put_hash();
      case Type::stream:
        return put_stream();
    }
    return kRefused;
  }

 private:
  static constexpr StoredValue kRefused{};

  StoredValue put_small(Encoding encoding, Bytes payload) {
    return {true, keys_.put(key_, old_,
                            {.type = value_.type, .encoding = encoding, .expiry_ms = expiry_ms_},
                            payload)};
  }

  StoredValue put_big(ObjectSlab& slab, Object* object) {
    slab.release();
    return {true, keys_.put_object(key_, old_, value_.type, object, expiry_ms_)};
  }

  // Of items that all are short enough.
  static bool fit(const std::vector<Bytes>& items, size_t bytes_max) {
    size_t bytes = 0;
    for (const Bytes item : items) {
      if (item.size() > bytes_max) return false;
      bytes += item.size();
    }
    return bytes <= kPackBytesMax / 2;
  }

  StoredValue put_list() {
    ObjectSlab slab(keys_, value_.items.size());
    List* list = make_object<List>(slab.get());
    size_t bytes = 0;
    for (const Bytes item : value_.items) bytes += item.size();
    list->note_growth(limits_.list, bytes, value_.items.size());
    for (const Bytes item : value_.items) list->push(ListEnd::tail, item, limits_.list);
    return put_big(slab, list);
  }

  // Nothing when a member is no integer.
  std::optional<std::vector<int64_t>> integers() const {
    std::vector<int64_t> integers;
    for (const Bytes member : value_.items) {
      const auto integer = member.size() > kInt64TextMax ? std::nullopt : parse_int64(member);
      if (!integer) return {};
      integers.push_back(*integer);
    }
    std::sort(integers.begin(), integers.end());
    return integers;
  }

  StoredValue put_set() {
    const size_t count = value_.items.size();
    if (count <= limits_.set.integers_max) {
      if (const auto sorted = integers()) return put_integers(*sorted);
    }
    if (count <= limits_.set.pack.elements_max && fit(value_.items, limits_.set.pack.bytes_max)) {
      if (has_repetition(value_.items)) return kRefused;
      std::string pack;
      for (const Bytes member : value_.items) Pack::append(pack, member);
      return put_small(Encoding::pack, pack);
    }
    ObjectSlab slab(keys_, count);
    auto* made = make_object<ElementObject>(slab.get());
    for (const Bytes member : value_.items) {
      if (made->find(member) != nullptr) {
        slab.destroy(made);
        return kRefused;
      }
      made->add(member);
    }
    return put_big(slab, made);
  }

  StoredValue put_integers(const std::vector<int64_t>& sorted) {
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return kRefused;
    const unsigned width =
        std::max(IntegerRun::width_of(sorted.front()), IntegerRun::width_of(sorted.back()));
    std::string run(1, static_cast<char>(width));
    for (const int64_t integer : sorted) run += IntegerRun::bytes_of(integer, width);
    return put_small(Encoding::integers, run);
  }

  StoredValue put_scored() {
    const size_t count = value_.items.size();
    if (count <= limits_.sorted_set.members && fit(value_.items, limits_.sorted_set.member_bytes)) {
      if (has_repetition(value_.items)) return kRefused;
      std::vector<ScoredMember> members;
      for (size_t i = 0; i < count; ++i) {
        members.push_back({value_.scores[i], std::string(value_.items[i])});
      }
      std::sort(members.begin(), members.end());
      const Item item = put_sorted_set(keys_, key_, old_, members, limits_.sorted_set);
      return {true, keys_.set_expiry(item, expiry_ms_)};
    }
    ObjectSlab slab(keys_, count);
    auto* made = make_object<SortedSetObject>(slab.get());
    // Files have them from the highest down; trees are filled best from the lowest up.
    const bool reverse = value_.scores.front() > value_.scores.back();
    for (size_t i = 0; i < count; ++i) {
      const size_t at = reverse ? count - 1 - i : i;
      made->put(value_.items[at], value_.scores[at]);
      if (made->elements() == i + 1) continue;
      slab.destroy(made);
      return kRefused;
    }
    return put_big(slab, made);
  }

  bool is_due(size_t field) const {
    if (due_fields_ == DueFields::kept || value_.expiries_ms.empty()) return false;
    const int64_t expiry_ms = value_.expiries_ms[field];
    return expiry_ms != kNoExpiry && expiry_ms <= now_ms_;
  }
  int64_t expiry_of(size_t field) const {
    return value_.expiries_ms.empty() ? kNoExpiry : value_.expiries_ms[field];
  }

  StoredValue put_hash() {
    std::vector<size_t> fields;  // that are not due
    int64_t earliest_ms = kNeverMs;
    for (size_t i = 0; i < value_.items.size() / 2; ++i) {
      if (is_due(i)) continue;
      fields.push_back(i);
      if (expiry_of(i) != kNoExpiry) earliest_ms = std::min(earliest_ms, expiry_of(i));
    }
    if (fields.empty()) {
      if (old_) keys_.remove(old_);
      return {true, {}};
    }
    const bool small =
        fields.size() <= limits_.hash.elements_max && fit(value_.items, limits_.hash.bytes_max);
    const bool timed = earliest_ms != kNeverMs;
    const StoredValue stored =
        small ? put_packed_hash(fields, timed) : put_hash_object(fields, timed);
    if (stored.item) keys_.note_field_expiry(stored.item, earliest_ms);
    return stored;
  }

  StoredValue put_packed_hash(const std::vector<size_t>& fields, bool timed) {
    std::vector<Bytes> names;
    std::string pack;
    for (const size_t field : fields) {
      names.push_back(value_.items[2 * field]);
      Pack::append(pack, value_.items[2 * field]);
      Pack::append(pack, value_.items[2 * field + 1]);
      const int64_t expiry_ms = expiry_of(field);
      if (timed) Pack::append_integer(pack, expiry_ms == kNoExpiry ? 0 : expiry_ms);
    }
    if (has_repetition(std::move(names))) return kRefused;
    return put_small(timed ? Encoding::timed_pack : Encoding::pack, pack);
  }

  StoredValue put_hash_object(const std::vector<size_t>& fields, bool timed) {
    ObjectSlab slab(keys_, fields.size());
    auto* made = make_object<ElementObject>(slab.get());
    if (timed) made->start_index(keys_.services().now_ms);
    size_t added = 0;
    for (const size_t field : fields) {
      made->put(value_.items[2 * field], value_.items[2 * field + 1], expiry_of(field));
      if (made->elements() == ++added) continue;
      slab.destroy(made);
      return kRefused;
    }
    return put_big(slab, made);
  }

  StoredValue put_stream() {
    const RdbStream& from = *value_.stream;
    const auto items_of = [&](const RdbStream::Entry& entry) {
      return std::span(value_.items).subspan(entry.first, entry.count);
    };
    for (const RdbStream::Entry& entry : from.entries) {
      if (!Stream::fits(items_of(entry))) return kRefused;
    }
    ObjectSlab slab(keys_, from.entries.size());
    auto* stream = make_object<Stream>(slab.get());
    for (const RdbStream::Entry& entry : from.entries) {
      stream->append(entry.id, items_of(entry), limits_.stream);
    }
    stream->set_last_id(from.last_id);
    stream->set_max_deleted_id(from.max_deleted_id);
    stream->set_entries_added(from.entries_added);
    for (const RdbStream::Group& group : from.groups) {
      if (put_group(*stream, group)) continue;
      slab.destroy(stream);
      return kRefused;
    }
    return put_big(slab, stream);
  }

  static bool put_group(Stream& stream, const RdbStream::Group& from) {
    StreamGroup* group = stream.add_group(from.name, from.last_id, from.entries_read);
    if (group == nullptr) return false;
    std::vector<StreamConsumer*> consumers;
    for (const RdbStream::Consumer& each : from.consumers) {
      StreamConsumer* consumer = group->add_consumer(each.name, each.seen_ms);
      if (consumer == nullptr) return false;
      consumer->seen_ms = each.seen_ms;
      consumer->active_ms = each.active_ms;
      consumers.push_back(consumer);
    }
    for (const RdbStream::Pending& each : from.pending) {
      group->assign(each.id, consumers[each.consumer], each.delivered_ms, each.deliveries);
    }
    return true;
  }

  Keyspace& keys_;
  const Key& key_;
  const Item old_;
  const RdbValue& value_;
  const ValueLimits& limits_;
  const int64_t expiry_ms_;
  const int64_t now_ms_;
  const DueFields due_fields_;
};

}  // namespace

StoredValue put_rdb_value(Keyspace& keys, const Key& key, Item old, const RdbValue& value,
                          const ValueLimits& limits, int64_t expiry_ms, int64_t now_ms,
                          DueFields due_fields) {
  return ValueStore(keys, key, old, value, limits, expiry_ms, now_ms, due_fields).put();
}

}  // namespace larder
