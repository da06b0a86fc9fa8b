#include "server/engine/tracking_table.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace larder {
namespace {

constexpr unsigned kTagShift = 48;

// The table's part of the store is chosen by the top bits; these are below them.
uint64_t tag_of(uint64_t hash) { return (hash >> 32 & 0xffff) << kTagShift; }

size_t bytes_of(const TrackedKey* key) {
  constexpr size_t kMallocHeader = 8;
  return ::malloc_usable_size(const_cast<TrackedKey*>(key)) + kMallocHeader;
}

TrackedKey* allocate(size_t clients, size_t name_bytes) {
  void* memory = std::malloc(sizeof(TrackedKey) + clients * sizeof(ClientRef) + name_bytes);
  CHECK(memory != nullptr);
  return static_cast<TrackedKey*>(memory);
}

}  // namespace

void TrackingTable::Free::operator()(TrackedKey* key) const { std::free(key); }

TrackingTable::~TrackingTable() {
  for (const Slot slot : slots_) {
    if (holds(slot)) std::free(key_of(slot));
  }
}

TrackedKey* TrackingTable::key_of(Slot slot) {
  return reinterpret_cast<TrackedKey*>(slot & ((Slot{1} << kTagShift) - 1));
}

size_t TrackingTable::find(const Key& key) const {
  if (slots_.empty()) return 0;
  const size_t mask = slots_.size() - 1;
  const uint64_t tag = tag_of(key.hash);
  for (size_t at = key.hash & mask; slots_[at] != kEmpty; at = (at + 1) & mask) {
    const Slot slot = slots_[at];
    if (!holds(slot) || (slot ^ tag) >> kTagShift != 0) continue;
    if (key_of(slot)->name() == key.name) return at;
  }
  return slots_.size();
}

void TrackingTable::place(uint64_t hash, TrackedKey* key) {
  const size_t mask = slots_.size() - 1;
  size_t at = hash & mask;
  while (slots_[at] != kEmpty) at = (at + 1) & mask;
  slots_[at] = tag_of(hash) | reinterpret_cast<Slot>(key);
  ++used_;
}

// Doubles, or only drops what was erased when that is the most of it.
void TrackingTable::grow() {
  size_t capacity = std::max(slots_.size(), kSlotsMin);
  if (size_ * 2 >= capacity) capacity *= 2;
  std::vector<Slot> old(capacity, kEmpty);
  old.swap(slots_);
  bytes_ += (slots_.size() - old.size()) * sizeof(Slot);
  used_ = 0;
  for (const Slot slot : old) {
    if (holds(slot)) place(hash_of(key_of(slot)->name()), key_of(slot));
  }
}

TrackingTable::Change TrackingTable::add(const Key& key, ClientRef client) {
  const auto before = static_cast<int64_t>(bytes_);
  const auto change = [&](int keys, size_t readers) {
    return Change{keys, 1, static_cast<int64_t>(bytes_) - before, readers};
  };
  const size_t at = find(key);
  if (at == slots_.size()) {
    if ((used_ + 1) * 8 > slots_.size() * 7) grow();
    TrackedKey* fresh = allocate(1, key.name.size());
    fresh->name_bytes_ = static_cast<uint32_t>(key.name.size());
    fresh->count_ = 1;
    fresh->refs()[0] = client;
    std::memcpy(fresh->text(), key.name.data(), key.name.size());
    place(key.hash, fresh);
    ++size_;
    bytes_ += bytes_of(fresh);
    return change(1, 1);
  }
  TrackedKey* old = key_of(slots_[at]);
  const std::span<const ClientRef> clients = old->clients();
  const auto next = std::lower_bound(clients.begin(), clients.end(), client);
  if (next != clients.end() && *next == client) return {.readers = clients.size()};
  TrackedKey* wider = allocate(clients.size() + 1, key.name.size());
  wider->name_bytes_ = old->name_bytes_;
  wider->count_ = old->count_ + 1;
  ClientRef* end = std::copy(clients.begin(), next, wider->refs());
  *end = client;
  std::copy(next, clients.end(), end + 1);
  std::memcpy(wider->text(), old->text(), key.name.size());
  bytes_ += bytes_of(wider) - bytes_of(old);
  slots_[at] = tag_of(key.hash) | reinterpret_cast<Slot>(wider);
  std::free(old);
  return change(0, wider->count_);
}

TrackingTable::Change TrackingTable::keep(const Key& key, std::span<const ClientRef> clients) {
  const size_t at = find(key);
  TrackedKey* old = key_of(slots_[at]);
  const auto before = static_cast<int64_t>(bytes_);
  const int dropped = static_cast<int>(old->clients().size() - clients.size());
  if (dropped == 0) return {.readers = clients.size()};
  if (clients.empty()) {
    take_at(at);
    return {-1, -dropped, static_cast<int64_t>(bytes_) - before, 0};
  }
  TrackedKey* narrower = allocate(clients.size(), key.name.size());
  narrower->name_bytes_ = old->name_bytes_;
  narrower->count_ = static_cast<uint32_t>(clients.size());
  std::copy(clients.begin(), clients.end(), narrower->refs());
  std::memcpy(narrower->text(), old->text(), key.name.size());
  bytes_ += bytes_of(narrower) - bytes_of(old);
  slots_[at] = tag_of(key.hash) | reinterpret_cast<Slot>(narrower);
  std::free(old);
  return {0, -dropped, static_cast<int64_t>(bytes_) - before, clients.size()};
}

TrackingTable::Owned TrackingTable::take_at(size_t at) {
  Owned key(key_of(slots_[at]));
  slots_[at] = kErased;
  --size_;
  bytes_ -= bytes_of(key.get());
  return key;
}

TrackingTable::Owned TrackingTable::take(const Key& key) {
  if (size_ == 0) return nullptr;
  const size_t at = find(key);
  return at == slots_.size() ? nullptr : take_at(at);
}

TrackingTable::Owned TrackingTable::take_random(uint64_t random) {
  if (size_ == 0) return nullptr;
  const size_t mask = slots_.size() - 1;
  size_t at = random & mask;
  while (!holds(slots_[at])) at = (at + 1) & mask;
  return take_at(at);
}

void TrackingTable::swap(TrackingTable& other) {
  slots_.swap(other.slots_);
  std::swap(size_, other.size_);
  std::swap(used_, other.used_);
  std::swap(bytes_, other.bytes_);
}

void TrackingTable::validate() const {
  size_t keys = 0;
  size_t used = 0;
  size_t bytes = slots_.size() * sizeof(Slot);
  for (const Slot slot : slots_) {
    used += slot != kEmpty ? 1 : 0;
    if (!holds(slot)) continue;
    ++keys;
    const TrackedKey* key = key_of(slot);
    bytes += bytes_of(key);
    CHECK(!key->clients().empty());
    CHECK(std::is_sorted(key->clients().begin(), key->clients().end()));
    CHECK(slots_[find(Key::of(key->name()))] == slot);
  }
  CHECK(keys == size_);
  CHECK(used == used_);
  CHECK(bytes == bytes_);
  CHECK(slots_.empty() || used_ < slots_.size());
}

}  // namespace larder
