#include "storage/element_object.h"

#include <algorithm>
#include <new>

#include "base/check.h"
#include "storage/entry.h"

namespace larder {
namespace {

// Dead references that the index may hold beyond one per element and one more.
constexpr size_t kDeadRefsMin = 1024;

}  // namespace

size_t ElementObject::memory_bytes() const {
  const size_t index = index_ == nullptr ? 0 : sizeof *index_ + index_->size() * sizeof(uint32_t);
  return Slab::usable(sizeof *this) + table_.memory_bytes() + index;
}

Object* ElementObject::clone(Slab& slab) const {
  auto* copy = make_object<ElementObject>(slab);
  if (index_ != nullptr) copy->start_index(index_->now_ms());
  table_.each([copy](const Element* element) {
    if (element->has_value()) {
      copy->put(element->key(), element->value(), element->expiry_ms());
    } else {
      copy->add(element->key());
    }
  });
  return copy;
}

void ElementObject::destroy() {
  table_.release_elements();
  if (index_ != nullptr) {
    index_->~ExpiryIndex();
    slab().release(index_, sizeof *index_);
  }
  destroy_as(this);
}

void ElementObject::put(Bytes key, Bytes value, int64_t expiry_ms) {
  Element* element = table_.find(key);
  if (element == nullptr) {
    table_.add(key, value, expiry_ms);
  } else if (element->expiry_ms() == expiry_ms && element->value().size() == value.size()) {
    std::memcpy(element->value_data(), value.data(), value.size());
    return;
  } else {
    table_.replace(key, value, expiry_ms);
  }
  if (expiry_ms != kNoExpiry) watch(key, expiry_ms);
}

void ElementObject::set_expiry(Bytes key, int64_t expiry_ms) {
  Element* element = table_.find(key);
  if (element->has_expiry() && expiry_ms != kNoExpiry) {
    element->set_expiry(expiry_ms);
  } else {
    table_.replace(key, element->value(), expiry_ms);
  }
  if (expiry_ms != kNoExpiry) watch(key, expiry_ms);
}

void ElementObject::start_index(int64_t now_ms) {
  if (index_ != nullptr) return;
  index_ = new (slab().allocate(sizeof *index_)) ExpiryIndex(slab(), now_ms);
}

void ElementObject::watch(Bytes key, int64_t expiry_ms) {
  DCHECK(index_ != nullptr);
  index_->add(ElementTable::place_of_key(key), expiry_ms);
  earliest_ms_ = std::min(earliest_ms_, expiry_ms);
  if (index_->size() > 2 * table_.size() + kDeadRefsMin) rebuild_index();
}

// Elements whose expiry was changed or taken off leave references behind that wait for their time.
void ElementObject::rebuild_index() {
  const int64_t now_ms = index_->now_ms();
  index_->~ExpiryIndex();
  new (index_) ExpiryIndex(slab(), now_ms);
  table_.each([this](const Element* element) {
    if (!element->has_expiry()) return;
    index_->add(ElementTable::place_of_key(element->key()), element->expiry_ms());
  });
}

size_t ElementObject::drop_due(int64_t now_ms, size_t budget, std::vector<std::string>* names) {
  if (index_ == nullptr) return 0;
  size_t dropped = 0;
  uint32_t place = 0;
  while (budget-- > 0 && index_->take(now_ms, place)) dropped += fire(place, now_ms, names);
  earliest_ms_ = index_->next_ms();
  return dropped;
}

// Removes what is due at `place` and keeps one reference for what is not.
size_t ElementObject::fire(uint32_t place, int64_t now_ms, std::vector<std::string>* names) {
  for (size_t dropped = 0;; ++dropped) {
    const Element* due = nullptr;
    int64_t next_ms = kNever;
    table_.each_at(place, [&](const Element* element) {
      if (!element->has_expiry()) return;
      if (element->expiry_ms() <= now_ms) {
        due = element;
      } else {
        next_ms = std::min(next_ms, element->expiry_ms());
      }
    });
    if (due == nullptr) {
      if (next_ms != kNever) index_->add(place, next_ms);
      return dropped;
    }
    if (names != nullptr) names->emplace_back(due->key());
    table_.remove(due->key());
  }
}

void ElementObject::validate() const {
  table_.validate();
  size_t timed = 0;
  table_.each([&](const Element* element) {
    if (!element->has_expiry()) return;
    ++timed;
    CHECK(element->expiry_ms() + kTickMs >= earliest_ms_);
  });
  CHECK(timed == 0 || index_ != nullptr);
  if (index_ != nullptr) CHECK(index_->size() > 0 || timed == 0);
}

}  // namespace larder
