// Which clients may have a key in their caches: one table of a part of a shard's keys, guarded by
// that shard's lock.
//
//   slots_: | 16 bits of the hash | 48 bits: pointer |  open addressing, at most 7/8 full
//   node:   | name bytes 4 | clients 4 | client 8 | ... | name |
//
// A node is one allocation, about 48 bytes for a short key that one client reads. The nodes have
// names because invalidations do, also of keys that nobody stored.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "storage/key.h"

namespace larder {

// A client and its worker: bits 48 and up are the worker's number, below is the client's id.
using ClientRef = uint64_t;
constexpr unsigned kClientIdBits = 48;
constexpr ClientRef client_ref(size_t worker, uint64_t id) {
  return static_cast<ClientRef>(worker) << kClientIdBits | id;
}
constexpr size_t worker_of(ClientRef client) { return client >> kClientIdBits; }
constexpr uint64_t id_of(ClientRef client) {
  return client & ((ClientRef{1} << kClientIdBits) - 1);
}

class TrackedKey {
 public:
  Bytes name() const { return {text(), name_bytes_}; }
  // Ascending, so those of one worker stand together.
  std::span<const ClientRef> clients() const { return {refs(), count_}; }

 private:
  friend class TrackingTable;
  const ClientRef* refs() const { return reinterpret_cast<const ClientRef*>(this + 1); }
  ClientRef* refs() { return reinterpret_cast<ClientRef*>(this + 1); }
  const char* text() const { return reinterpret_cast<const char*>(refs() + count_); }
  char* text() { return reinterpret_cast<char*>(refs() + count_); }

  uint32_t name_bytes_;
  uint32_t count_;
};

class TrackingTable {
 public:
  struct Free {
    void operator()(TrackedKey* key) const;
  };
  using Owned = std::unique_ptr<TrackedKey, Free>;

  TrackingTable() = default;
  ~TrackingTable();
  TrackingTable(const TrackingTable&) = delete;
  TrackingTable& operator=(const TrackingTable&) = delete;

  // What one call changed.
  struct Change {
    int keys = 0;
    int items = 0;
    int64_t bytes = 0;
    size_t readers = 0;  // of the key now
  };
  Change add(const Key& key, ClientRef client);
  // Drops those of a key's clients that `gone` says are no more; one stays in any case. The key is
  // tracked.
  template <typename Gone>
  Change drop_if(const Key& key, const Gone& gone) {
    std::vector<ClientRef> left;
    for (const ClientRef client : key_of(slots_[find(key)])->clients()) {
      if (!gone(client)) left.push_back(client);
    }
    return keep(key, left);
  }
  // The key is no more tracked; null when it was not.
  Owned take(const Key& key);
  // One key, chosen by chance; null when there is none.
  Owned take_random(uint64_t random);
  size_t size() const { return size_; }
  size_t bytes() const { return bytes_; }
  void swap(TrackingTable& other);
  void validate() const;

 private:
  using Slot = uint64_t;
  static constexpr Slot kEmpty = 0;
  static constexpr Slot kErased = 1;
  static constexpr size_t kSlotsMin = 8;

  static bool holds(Slot slot) { return slot > kErased; }
  static TrackedKey* key_of(Slot slot);
  size_t find(const Key& key) const;  // slots_.size() when not there
  void place(uint64_t hash, TrackedKey* key);
  void grow();
  Change keep(const Key& key, std::span<const ClientRef> clients);
  Owned take_at(size_t at);

  std::vector<Slot> slots_;
  size_t size_ = 0;
  size_t used_ = 0;   // slots that are not empty
  size_t bytes_ = 0;  // nodes and slots
};

}  // namespace larder
