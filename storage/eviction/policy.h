// What an eviction policy is: it is told which entries come, are used and go, and names victims.
//
// One file per policy behind this interface, found by its `maxmemory-policy` name in registry.cc.
// A policy never sees an entry, only its stamp, its place in the table and its size, so that the
// very same code runs in the server (eviction_group.h), in miniature caches that try out other
// settings and in larder-sim (model_cache.h).
//
// An entry belongs to a policy by its 24-bit stamp:
//
//   | detail 16 | queue 2 | mark 4 | epoch 2 |
//     epoch   0: in no queue; 1..3: the policy in force when it was queued, see EvictionGroup
//     mark    must equal that of the reference in the queue, see fifo_queue.h
//     queue   which queue it belongs to
//     detail  the policy's own: a count of uses, a generation
//
// `used` is called for every read that hits, under the lock of the entry's shard alone. All else is
// called under the group's lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/eviction/fifo_queue.h"

namespace larder {

class Stamp {
 public:
  static constexpr unsigned kDetailBits = 16;

  constexpr Stamp() = default;
  constexpr explicit Stamp(uint32_t bits) : bits_(bits) {}

  constexpr uint32_t bits() const { return bits_; }
  constexpr unsigned epoch() const { return bits_ & 3; }
  constexpr unsigned mark() const { return bits_ >> 2 & 15; }
  constexpr unsigned queue() const { return bits_ >> 6 & 3; }
  constexpr uint32_t detail() const { return bits_ >> 8; }

  constexpr void set_epoch(unsigned epoch) { bits_ = (bits_ & ~3U) | epoch; }
  constexpr void set_mark(unsigned mark) { bits_ = (bits_ & ~(15U << 2)) | mark << 2; }
  constexpr void set_queue(unsigned queue) { bits_ = (bits_ & ~(3U << 6)) | queue << 6; }
  constexpr void set_detail(uint32_t detail) { bits_ = (bits_ & 255U) | detail << 8; }

 private:
  uint32_t bits_ = 0;
};

// An entry as a policy sees it. The caller writes the stamp back.
struct Resident {
  uint32_t place = 0;
  uint8_t home = 0;
  Stamp stamp;
  uint32_t bytes = 0;
  int64_t expiry_ms = -1;  // kNoExpiry
  int64_t now_ms = 0;

  // For ghosts and sketches.
  uint64_t hash() const { return hash_of_place(place, home); }
  static uint64_t hash_of_place(uint32_t place, uint8_t home) {
    uint64_t z = (uint64_t{home} << 32 | place) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 31) * 0x94d049bb133111eb;
    return z ^ z >> 32;
  }
};

// How an entry was used before a restart, as a file says it in Redis's words.
struct EntryUse {
  int64_t idle_seconds = -1;  // -1: not known
  // Redis's logarithmic counter of uses, where a new key has 5; -1: not known. A policy that counts
  // otherwise says what its entry is worth on that scale.
  int frequency = -1;

  static constexpr int kNewFrequency = 5;
  static constexpr int kFrequencyMax = 255;
  bool known() const { return idle_seconds >= 0 || frequency >= 0; }
};

// A change of an adaptive policy's settings, for EVICTION HISTORY.
struct PolicyChange {
  int64_t time_ms = 0;
  std::string from;
  std::string to;
  std::string because;
};

class EvictionPolicy {
 public:
  virtual ~EvictionPolicy() = default;

  // The stamp of an entry after one more use.
  virtual Stamp used(Stamp stamp, int64_t now_ms) const = 0;
  // A new entry: gives it a stamp and, in a policy of queues, a reference.
  virtual void inserted(Resident& entry) = 0;
  // One that was there before the policy, or whose reference was dropped by `forget`.
  virtual void readmitted(Resident& entry) { inserted(entry); }
  // An entry with a past: what `use_of` said of it, or of Redis's. In place of `inserted`.
  virtual void recalled(Resident& entry, const EntryUse& /*use*/) { inserted(entry); }
  virtual EntryUse use_of(Stamp /*stamp*/, int64_t /*now_ms*/) const { return {}; }
  // What was learned beside the entries' stamps (ghosts, settings), for a file: piece 0, 1, ..., of
  // a megabyte at most, until an empty one. And back; nonsense is passed over.
  static constexpr size_t kPieceBytes = 1024 * 1024;
  virtual std::string learned(size_t /*piece*/) const { return {}; }
  virtual void learn(Bytes /*piece*/) {}
  // An entry that was judged to go, was deleted or has expired.
  virtual void removed(Stamp /*stamp*/) {}

  // A policy that tries settings out on a sample of the keys is told of every read of a key whose
  // place has none of these bits: that the entry was used, or that it was missed.
  uint32_t sample_mask() const { return sample_mask_.load(std::memory_order_relaxed); }
  virtual void sampled_read(const Resident& /*entry*/, bool /*hit*/) {}

  // About how many entries there will be when the limit is reached; told now and then.
  virtual void set_capacity(int64_t /*entries*/) {}

  // Policies of queues: the next candidate, false when there is none. The caller finds its entry,
  // or drops the reference when there is none with its mark.
  virtual bool next(Candidate& /*candidate*/) { return false; }
  // True: evict it. False: it was queued again (and its stamp changed).
  virtual bool judge(Resident& /*entry*/, const Candidate& /*candidate*/) { return true; }

  // Entries in the queues, and references: the latter may be of entries that are gone.
  virtual int64_t live() const { return 0; }
  virtual size_t references() const { return 0; }
  // Drops all references; entries that are still there are readmitted.
  virtual void forget() {}

  // Policies without queues: the highest rank of a sample goes.
  virtual bool samples() const { return false; }
  virtual int64_t rank(const Resident& /*entry*/) const { return 0; }

  // An entry whose expiry comes sooner than it did must be queued anew.
  virtual bool queues_by_expiry() const { return false; }

  // Called now and then, some times a second.
  virtual void tick(int64_t /*now_ms*/) {}

  // Milliseconds since the last use, for OBJECT IDLETIME; nothing when the policy can't tell.
  virtual std::optional<int64_t> idle_ms(Stamp /*stamp*/, int64_t /*now_ms*/) const { return {}; }
  // Redis's logarithmic counter, for OBJECT FREQ.
  virtual std::optional<unsigned> frequency(Stamp /*stamp*/, int64_t /*now_ms*/) const {
    return {};
  }
  virtual std::vector<PolicyChange> history() const { return {}; }
  // An adaptive policy's settings in force, in words; how often they changed.
  virtual std::string setting() const { return {}; }
  virtual uint64_t changes() const { return 0; }
  // Queues, ghosts and sketches.
  virtual size_t memory_bytes() const { return 0; }

 protected:
  // No key is sampled: only place 0, and what is told of it does no harm.
  static constexpr uint32_t kNoSample = ~0U;
  std::atomic<uint32_t> sample_mask_{kNoSample};
};

}  // namespace larder
