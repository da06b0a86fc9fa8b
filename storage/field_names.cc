#include "storage/field_names.h"

#include <cstring>

#include "base/hash.h"

namespace larder {

FieldNames& FieldNames::of_process() {
  static FieldNames* names = new FieldNames;  // outlives every pack
  return *names;
}

namespace {

bool has_right_size(Bytes name) {
  return name.size() >= FieldNames::kNameBytesMin && name.size() <= FieldNames::kNameBytesMax;
}

}  // namespace

FieldNames::~FieldNames() {
  for (const auto& name : names_) delete[] name.load();
}

std::optional<unsigned> FieldNames::find(Bytes name) const {
  if (!has_right_size(name) || count_.load(std::memory_order_relaxed) == 0) return {};
  return find(hash_of(name), name);
}

std::optional<unsigned> FieldNames::number_for(Bytes name) {
  if (!has_right_size(name)) return {};
  const uint64_t hash = hash_of(name);
  if (const auto number = find(hash, name)) return number;
  if (count_.load(std::memory_order_relaxed) == kNamesMax || !is_common(hash)) return {};
  admit(hash, name);
  return find(hash, name);
}

std::optional<unsigned> FieldNames::find(uint64_t hash, Bytes name) const {
  for (size_t at = hash % kSlots;; at = (at + 1) % kSlots) {
    const unsigned held = slots_[at].load(std::memory_order_acquire);
    if (held == 0) return {};
    if (this->name(held - 1) == name) return held - 1;
  }
}

bool FieldNames::is_common(uint64_t hash) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const unsigned sightings = sightings_.load(kRelaxed) + 1;
  sightings_.store(sightings % kSightingsPerRound, kRelaxed);
  if (sightings == kSightingsPerRound) {
    for (auto& each : seen_) each.store(each.load(kRelaxed) / 2, kRelaxed);
  }
  std::atomic<uint8_t>& seen = seen_[(hash >> 32) % kCounters];
  const unsigned now = seen.load(kRelaxed) + 1U;
  seen.store(static_cast<uint8_t>(now < kSeenMin ? now : 0), kRelaxed);
  return now >= kSeenMin;
}

void FieldNames::admit(uint64_t hash, Bytes name) {
  MutexLock lock(admission_);
  const unsigned number = count_.load(std::memory_order_relaxed);
  if (number == kNamesMax || find(hash, name)) return;
  char* kept = new char[1 + name.size()];
  *kept = static_cast<char>(name.size());
  std::memcpy(kept + 1, name.data(), name.size());
  names_[number].store(kept, std::memory_order_release);
  size_t at = hash % kSlots;
  while (slots_[at].load(std::memory_order_relaxed) != 0) at = (at + 1) % kSlots;
  slots_[at].store(static_cast<uint16_t>(number + 1), std::memory_order_release);
  count_.store(number + 1, std::memory_order_relaxed);
}

}  // namespace larder
