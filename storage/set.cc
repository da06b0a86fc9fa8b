#include "storage/set.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace larder {
namespace {

// The integer of which `member` is the exact text.
std::optional<int64_t> integer_of(Bytes member) {
  return member.size() <= kInt64TextMax ? parse_int64(member) : std::nullopt;
}

}  // namespace

size_t Set::size() const {
  if (!exists()) return 0;
  if (is_object()) return object().elements();
  return is_integers() ? run().size() : pack().count();
}

bool Set::contains(Bytes member) const {
  if (!exists()) return false;
  if (is_object()) return object().find(member) != nullptr;
  if (!is_integers()) return pack().find(member).has_value();
  const auto integer = integer_of(member);
  return integer && run().contains(*integer);
}

Bytes Set::at(size_t index) const {
  return is_integers() ? text_of(run().at(index)) : pack().item(index)->bytes(text_);
}

Bytes Set::sample(Random& random) const {
  return is_object() ? object().table().sample(random.next())->key() : at(random.below(size()));
}

void Set::put(Encoding encoding, Bytes payload) {
  const int64_t expiry_ms = item_ ? item_->expiry_ms() : kNoExpiry;
  item_ = keys_.put(key_, item_, {.type = Type::set, .encoding = encoding, .expiry_ms = expiry_ms},
                    payload);
}

bool Set::add(Bytes member, const SetLimits& limits, size_t hint) {
  if (!exists()) {
    make(member, limits, hint);
    return true;
  }
  if (is_object()) return add_to_object(member);
  if (!is_integers()) return add_packed(member, limits);
  if (const auto integer = integer_of(member)) return add_integer(*integer, limits);
  if (!fits_pack(member, limits)) {
    to_object();
    return add_to_object(member);
  }
  to_pack();
  return add_packed(member, limits);
}

void Set::make(Bytes member, const SetLimits& limits, size_t hint) {
  const auto integer = integer_of(member);
  if (integer && hint <= limits.integers_max) {
    put(Encoding::integers, IntegerRun::make(*integer));
  } else if (hint <= limits.pack.elements_max && limits.pack.fits(member)) {
    std::string pack;
    Pack::append(pack, member);
    put(Encoding::pack, pack);
  } else {
    auto* made = make_object<ElementObject>(keys_.slab());
    made->add(member);
    item_ = keys_.put_object(key_, {}, Type::set, made, kNoExpiry);
  }
}

bool Set::add_integer(int64_t value, const SetLimits& limits) {
  if (run().contains(value)) return false;
  if (run().size() >= limits.integers_max) {
    to_object();
    return add_to_object(text_of(value));
  }
  if (IntegerRun::width_of(value) > run().width()) {
    put(Encoding::integers, run().widened(IntegerRun::width_of(value)));
  }
  const size_t at = run().offset_of(run().lower_bound(value));
  item_ = keys_.splice(item_, at, 0, IntegerRun::bytes_of(value, run().width()));
  return true;
}

bool Set::fits_pack(Bytes member, const SetLimits& limits) const {
  return limits.pack.fits(member) && size() < limits.pack.elements_max &&
         item_->payload_bytes() + member.size() <= kPackBytesMax;
}

bool Set::add_packed(Bytes member, const SetLimits& limits) {
  if (pack().find(member)) return false;
  if (!fits_pack(member, limits)) {
    to_object();
    return add_to_object(member);
  }
  std::string bytes;
  Pack::append(bytes, member);
  item_ = keys_.splice(item_, item_->payload_bytes(), 0, bytes);
  return true;
}

bool Set::add_to_object(Bytes member) {
  if (object().find(member) != nullptr) return false;
  object().add(member);
  keys_.grown(item_);
  return true;
}

bool Set::remove(Bytes member) {
  if (!contains(member)) return false;
  if (size() == 1) {
    clear();
  } else if (is_object()) {
    object().remove(member);
  } else if (is_integers()) {
    const size_t at = run().offset_of(run().lower_bound(*integer_of(member)));
    item_ = keys_.splice(item_, at, run().width(), {});
  } else {
    const auto found = pack().find(member);
    item_ = keys_.splice(item_, found->at, found->size, {});
  }
  return true;
}

void Set::clear() {
  keys_.remove(item_);
  item_ = {};
}

void Set::to_pack() {
  std::string members;
  each([&](Bytes member) { Pack::append(members, member); });
  put(Encoding::pack, members);
}

void Set::to_object() {
  auto* made = make_object<ElementObject>(keys_.slab());
  each([&](Bytes member) { made->add(member); });
  item_ = keys_.put_object(key_, item_, Type::set, made, item_->expiry_ms());
}

}  // namespace larder
