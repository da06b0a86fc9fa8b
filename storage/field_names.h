// Names of fields that many small hashes have in common, kept once for the whole process.
//
// A cache holds a hundred thousand users with the fields "name", "email" and "last_seen". Their
// packs hold such a name as a number, of two or three bytes with its head (see pack.h).
//
//   name --hash--> slots_ (open addressing) --number--> names_ --> | length | bytes |
//
// A name becomes one of them when it was given to kSeenMin hashes lately. Names stay for ever, so
// readers need no lock and a number means the same in every pack; once kNamesMax are known no more
// are taken. What the table may grow to is thus bounded by some 500 KB.
// Measurements: docs/adr/0018-memory-of-values.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/mutex.h"

namespace larder {

class FieldNames {
 public:
  static constexpr unsigned kNamesMax = 4096;
  static constexpr size_t kNameBytesMin = 3;   // shorter ones take no more than their number
  static constexpr size_t kNameBytesMax = 64;  // as a pack's by default
  static constexpr unsigned kSeenMin = 32;

  static FieldNames& of_process();
  FieldNames() = default;
  ~FieldNames();
  FieldNames(const FieldNames&) = delete;
  FieldNames& operator=(const FieldNames&) = delete;

  // The number of a name that a hash gets; nothing when it is to be kept in full. Counts it.
  // Safe from any thread.
  std::optional<unsigned> number_for(Bytes name);
  // Its number, if it has one.
  std::optional<unsigned> find(Bytes name) const;
  // Of a number that was given out. The bytes stay.
  Bytes name(unsigned number) const {
    const char* at = names_[number].load(std::memory_order_acquire);
    return {at + 1, static_cast<uint8_t>(*at)};
  }

 private:
  static constexpr size_t kSlots = size_t{4} * kNamesMax;
  static constexpr size_t kCounters = 4096;
  // So many sightings later counters are halved: names that each come once don't add up.
  static constexpr unsigned kSightingsPerRound = 4 * kCounters;

  std::optional<unsigned> find(uint64_t hash, Bytes name) const;
  bool is_common(uint64_t hash);
  void admit(uint64_t hash, Bytes name);

  std::array<std::atomic<uint16_t>, kSlots> slots_{};  // a number and one, 0: free
  std::array<std::atomic<const char*>, kNamesMax> names_{};
  std::atomic<unsigned> count_{0};
  // Sightings that are lost in a race don't matter.
  std::array<std::atomic<uint8_t>, kCounters> seen_{};
  std::atomic<unsigned> sightings_{0};
  Mutex admission_;
};

}  // namespace larder
