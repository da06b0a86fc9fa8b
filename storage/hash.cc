#include "storage/hash.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "storage/events.h"
#include "storage/expiry_pause.h"

namespace larder {
namespace {

// Fields that are compared with each other to find repetitions.
constexpr size_t kMadeAtOnceMax = 32;

// 0 stands for none: it is one byte, and nothing expires in 1970.
int64_t packed_expiry(const Pack::Item& item) {
  return item.integer == 0 ? kNoExpiry : item.integer;
}

void append_expiry(std::string& out, int64_t expiry_ms) {
  Pack::append_integer(out, expiry_ms == kNoExpiry ? 0 : expiry_ms);
}

// Calls visit(at, end, expiry_ms) for each field of a timed pack.
template <typename Visit>
void each_timed(Bytes bytes, Visit visit) {
  const Pack pack(bytes);
  for (size_t at = 0; !pack.is_end(at);) {
    const Pack::Item expiry = pack.at(pack.at(pack.at(at).end()).end());
    visit(at, expiry.end(), packed_expiry(expiry));
    at = expiry.end();
  }
}

}  // namespace

int64_t earliest_field_ms(const Entry& entry) {
  if (entry.type() != Type::hash) return kNeverMs;
  if (entry.encoding() == Encoding::object) {
    return static_cast<const ElementObject*>(Keyspace::object_of(entry))->earliest_ms();
  }
  int64_t earliest_ms = kNeverMs;
  if (entry.encoding() != Encoding::timed_pack) return earliest_ms;
  each_timed(entry.payload_view(), [&](size_t, size_t, int64_t expiry_ms) {
    if (expiry_ms != kNoExpiry) earliest_ms = std::min(earliest_ms, expiry_ms);
  });
  return earliest_ms;
}

DroppedFields remove_due_fields(Keyspace& keys, Item item, int64_t now_ms,
                                const DropOptions& options) {
  if (item->encoding() == Encoding::object) {
    auto& object = *static_cast<ElementObject*>(Keyspace::object_of(*item.entry()));
    const size_t dropped = object.drop_due(now_ms, options.budget, options.names);
    return {dropped, object.elements()};
  }
  DroppedFields fields;
  if (earliest_field_ms(*item.entry()) > now_ms) return fields;
  std::string left;
  each_timed(item->payload_view(), [&](size_t at, size_t end, int64_t expiry_ms) {
    const bool due = expiry_ms != kNoExpiry && expiry_ms <= now_ms;
    ++(due ? fields.dropped : fields.left);
    if (due && options.names != nullptr) {
      IntegerText scratch;
      options.names->emplace_back(Pack(item->payload_view()).at(at).bytes(scratch));
    }
    if (!due) left.append(item->payload_view().substr(at, end - at));
  });
  if (fields.dropped > 0 && fields.left > 0) keys.splice(item, 0, item->payload_bytes(), left);
  return fields;
}

HashField Hash::packed_at(size_t offset, Place& place) const {
  const Pack pack(item_->payload_view());
  const Pack::Item name = pack.at(offset);
  const Pack::Item value = pack.at(name.end());
  HashField field{name.bytes(name_text_), value.bytes(value_text_), kNoExpiry};
  place = {offset, value.end()};
  if (is_timed()) {
    const Pack::Item expiry = pack.at(value.end());
    field.expiry_ms = packed_expiry(expiry);
    place.end = expiry.end();
  }
  return field;
}

std::optional<HashField> Hash::find_packed(Bytes name, Place& place, size_t* fields) const {
  const auto search = Pack(item_->payload_view()).search_name(name, step());
  if (fields != nullptr) *fields = search.passed / step();
  if (!search.item) return {};
  return packed_at(search.item->at, place);
}

size_t Hash::size() const {
  if (!exists()) return 0;
  return is_packed() ? Pack(item_->payload_view()).count() / step() : object().elements();
}

std::optional<HashField> Hash::find(Bytes name) const {
  if (!exists()) return {};
  std::optional<HashField> field;
  if (is_packed()) {
    Place place;
    field = find_packed(name, place);
  } else if (const Element* element = object().find(name)) {
    field = field_of(*element);
  }
  if (field && is_due(field->expiry_ms)) return {};
  return field;
}

std::optional<HashField> Hash::at(size_t index) const {
  const auto name = Pack(item_->payload_view()).item(index * step());
  if (!name) return {};
  Place place;
  const HashField field = packed_at(name->at, place);
  if (is_due(field.expiry_ms)) return {};
  return field;
}

std::optional<HashField> Hash::sample(Random& random) const {
  constexpr int kDraws = 100;  // due fields are drawn again, but not for ever
  const size_t count = size();
  for (int i = 0; i < kDraws && count > 0; ++i) {
    if (is_packed()) {
      if (const auto field = at(random.below(count))) return field;
      continue;
    }
    const Element* element = object().table().sample(random.next());
    if (!is_due(element->expiry_ms())) return field_of(*element);
  }
  return {};
}

// A small hash was rid of all of them when it was looked up, a big one may hold more than a command
// has time for.
bool Hash::may_have_due() const {
  if (!exists() || is_packed()) return false;
  const int64_t earliest_ms = object().earliest_ms();
  return earliest_ms != kNeverMs && earliest_ms - ElementObject::kTickMs <= now_ms_;
}

void Hash::drop_due(std::span<const Bytes> names) {
  if (may_have_due() && keys_.services().snapshot == nullptr) drop_fields(names);
}

void Hash::drop_fields(std::span<const Bytes> names) {
  ShardServices& services = keys_.services();
  if (!may_have_due() || services.keeps_expired || is_expiry_paused(now_ms_)) return;
  std::vector<std::string> dropped;
  for (const Bytes name : names) {
    const Element* element = object().find(name);
    if (element == nullptr || !is_due(element->expiry_ms())) continue;
    object().remove(name);
    dropped.emplace_back(name);
  }
  if (dropped.empty()) return;
  const bool emptied = object().elements() == 0;
  services.expired_fields += dropped.size();
  if (services.events != nullptr) {
    services.events->fields_expired(keys_.db(), item_->key(), dropped, emptied);
  }
  if (!emptied) return;
  keys_.remove(item_);
  item_ = {};
}

bool Hash::put(Bytes name, Bytes value, const PackLimits& limits, int64_t expiry_ms) {
  drop_fields({&name, 1});
  if (!exists()) {
    make(name, value, limits, expiry_ms);
    return true;
  }
  if (is_packed() && !(limits.fits(name) && limits.fits(value))) to_object();
  const int64_t earliest_ms = expiry_ms == kNoExpiry ? 0 : earliest_field_ms(*item_.entry());
  const bool is_new = is_packed() ? put_packed(name, value, limits, expiry_ms)
                                  : put_in_object(name, value, expiry_ms);
  if (expiry_ms != kNoExpiry && expiry_ms < earliest_ms) keys_.note_field_expiry(item_, expiry_ms);
  return is_new;
}

size_t Hash::put_all(std::span<const Bytes> pairs, const PackLimits& limits) {
  size_t bytes = 0;
  const auto fits = [&](Bytes word) {
    bytes += word.size();
    return limits.fits(word) && bytes <= kPackBytesMax;
  };
  if (!exists() && pairs.size() / 2 <= std::min(limits.elements_max, kMadeAtOnceMax) &&
      std::all_of(pairs.begin(), pairs.end(), fits)) {
    return make_pack(pairs);
  }
  size_t added = 0;
  for (size_t i = 0; i < pairs.size(); i += 2) added += put(pairs[i], pairs[i + 1], limits) ? 1 : 0;
  return added;
}

// A hash that is not there, laid out once instead of field by field.
size_t Hash::make_pack(std::span<const Bytes> pairs) {
  std::string pack;
  size_t added = 0;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    bool repeated = false;
    Bytes value;  // the last one of a name counts
    for (size_t k = 0; k < pairs.size(); k += 2) {
      if (pairs[k] != pairs[i]) continue;
      repeated |= k < i;
      value = pairs[k + 1];
    }
    if (repeated) continue;
    Pack::append_name(pack, pairs[i]);
    Pack::append(pack, value);
    ++added;
  }
  item_ = keys_.put(key_, {}, {.type = Type::hash, .encoding = Encoding::pack}, pack);
  return added;
}

// The first field of a key that is not there.
void Hash::make(Bytes name, Bytes value, const PackLimits& limits, int64_t expiry_ms) {
  const bool packed = limits.fits(name) && limits.fits(value) && limits.elements_max > 0;
  if (packed) {
    std::string pack;
    Pack::append_name(pack, name);
    Pack::append(pack, value);
    const bool timed = expiry_ms != kNoExpiry;
    if (timed) append_expiry(pack, expiry_ms);
    item_ = keys_.put(
        key_, {}, {.type = Type::hash, .encoding = timed ? Encoding::timed_pack : Encoding::pack},
        pack);
  } else {
    auto* made = make_object<ElementObject>(keys_.slab());
    item_ = keys_.put_object(key_, {}, Type::hash, made, kNoExpiry);
    put_in_object(name, value, expiry_ms);
  }
  if (expiry_ms != kNoExpiry) keys_.note_field_expiry(item_, expiry_ms);
}

bool Hash::put_packed(Bytes name, Bytes value, const PackLimits& limits, int64_t expiry_ms) {
  if (expiry_ms != kNoExpiry && !is_timed()) to_timed_pack();
  Place place{item_->payload_bytes(), item_->payload_bytes()};
  size_t fields = 0;
  const auto old = find_packed(name, place, &fields);
  const bool too_many = !old && fields + 1 > limits.elements_max;
  if (too_many || item_->payload_bytes() + name.size() + value.size() > kPackBytesMax) {
    to_object();
    return put_in_object(name, value, expiry_ms);
  }
  std::string bytes;
  if (old) {
    place.at = Pack(item_->payload_view()).at(place.at).end();  // the name stays
  } else {
    Pack::append_name(bytes, name);
  }
  Pack::append(bytes, value);
  if (is_timed()) append_expiry(bytes, expiry_ms);
  const bool is_new = !old || is_due(old->expiry_ms);
  item_ = keys_.splice(item_, place.at, place.end - place.at, bytes);
  return is_new;
}

bool Hash::put_in_object(Bytes name, Bytes value, int64_t expiry_ms) {
  const size_t before = object().elements();
  const Element* old =
      expiry_ms == kNoExpiry && object().earliest_ms() == kNeverMs ? nullptr : object().find(name);
  const bool was_due = old != nullptr && is_due(old->expiry_ms());
  if (expiry_ms != kNoExpiry) object().start_index(keys_.services().now_ms);
  object().put(name, value, expiry_ms);
  keys_.grown(item_);
  return was_due || object().elements() > before;
}

bool Hash::remove(Bytes name) {
  drop_fields({&name, 1});
  if (!exists()) return false;
  bool was_due = false;
  size_t left = 0;
  if (is_packed()) {
    Place place;
    const auto old = find_packed(name, place);
    if (!old) return false;
    was_due = is_due(old->expiry_ms);
    left = item_->payload_bytes() - (place.end - place.at);
    if (left > 0) item_ = keys_.splice(item_, place.at, place.end - place.at, {});
  } else {
    const Element* old = object().find(name);
    if (old == nullptr) return false;
    was_due = is_due(old->expiry_ms());
    object().remove(name);
    left = object().elements();
  }
  if (left == 0) {
    keys_.remove(item_);
    item_ = {};
  }
  return !was_due;
}

void Hash::set_expiry(Bytes name, int64_t expiry_ms) {
  const int64_t earliest_ms = earliest_field_ms(*item_.entry());
  if (is_packed()) {
    if (!is_timed()) to_timed_pack();
    Place place;
    find_packed(name, place);
    const Pack pack(item_->payload_view());
    const size_t at = pack.at(pack.at(place.at).end()).end();
    std::string bytes;
    append_expiry(bytes, expiry_ms);
    item_ = keys_.splice(item_, at, place.end - at, bytes);
  } else {
    if (expiry_ms != kNoExpiry) object().start_index(keys_.services().now_ms);
    object().set_expiry(name, expiry_ms);
  }
  if (expiry_ms != kNoExpiry && expiry_ms < earliest_ms) keys_.note_field_expiry(item_, expiry_ms);
}

void Hash::to_timed_pack() {
  std::string timed;
  each([&](const HashField& field) {
    Pack::append_name(timed, field.name);
    Pack::append(timed, field.value);
    append_expiry(timed, kNoExpiry);
  });
  item_ = keys_.put(
      key_, item_,
      {.type = Type::hash, .encoding = Encoding::timed_pack, .expiry_ms = item_->expiry_ms()},
      timed);
}

void Hash::to_object() {
  auto* made = make_object<ElementObject>(keys_.slab());
  if (is_timed()) made->start_index(keys_.services().now_ms);
  each([&](const HashField& field) { made->put(field.name, field.value, field.expiry_ms); });
  item_ = keys_.put_object(key_, item_, Type::hash, made, item_->expiry_ms());
}

}  // namespace larder
