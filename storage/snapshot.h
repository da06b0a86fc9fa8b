// A snapshot of the whole store at one moment, taken without a copy and without a halt.
//
//   begin   under all shards' locks: every shard's epoch bit is flipped, so that the entries that
//           are there no longer carry it and all that come later do
//   walk    shard after shard, some buckets at a time: an entry without the bit is written and
//           gets it
//   change  whoever is about to change or remove an entry without the bit has it written first
//           (before_change), so the walk never sees a later value
//
// Big objects are written in pieces, and the lock is given back in between. While one is being
// written its key is frozen: commands that want to change it wait (must_wait); those that can't
// (expiry, the middle of a script) write the rest of it at once. A big object that a command wants
// to change before the walk has come to it is written next.
//
// What changes write goes through a buffer that the walk empties; while that is full, writing
// commands wait, or the snapshot is given up (`on_full`). Keyspaces that FLUSHALL cuts off are
// kept until the walk has passed them.
//
// One snapshot runs at a time. This is the walk alone: the file around it is written by
// server/persistence/snapshot.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "storage/rdb/file.h"
#include "storage/rdb/format.h"
#include "storage/rdb/value_writer.h"
#include "storage/store.h"

namespace larder {

struct StoreSnapshotOptions {
  RdbFormat format;
  // Its version instead, when fields have times.
  unsigned version_with_times = kRdbVersionFieldTimes;
  // give_up: commands never wait for the snapshot either.
  enum class OnFull : uint8_t { writers_wait, give_up };
  OnFull on_full = OnFull::writers_wait;
  size_t buffer_bytes_max = 32 * 1024 * 1024;
  unsigned key_delay_us = 0;  // a rest after each key, for tests
  // After each hold of a lock: whoever sleeps now and then is not the one to be descheduled when
  // others want the core, least of all with a lock that they wait for.
  unsigned rest_us = 0;
  // Runs a piece of the walk, which holds one lock, on a thread that may hold it better than the
  // walk's own. False when it was not run, or returned false: the lock is held for long. Empty:
  // the walk's thread holds all locks itself.
  std::function<bool(const std::function<bool()>& piece)> lend;
};

class StoreSnapshot {
 public:
  // Fixes the moment: calls at_point() under all shards' locks. Null when another one runs.
  static std::unique_ptr<StoreSnapshot> begin(Store& store, const StoreSnapshotOptions& options,
                                              const std::function<void()>& at_point = {});
  // Ends a walk that was not finished.
  ~StoreSnapshot();
  StoreSnapshot(const StoreSnapshot&) = delete;
  StoreSnapshot& operator=(const StoreSnapshot&) = delete;

  // The version that the file needs.
  unsigned version() const { return options_.format.version; }
  // Writes all keys. On one thread, without locks. False when it was given up or the sink refused.
  bool write_keys(RdbFileWriter& out);
  // Makes write_keys end soon. From any thread.
  void cancel() { given_up_.store(true, std::memory_order_relaxed); }

  size_t keys_total() const { return keys_total_; }
  size_t keys_written() const { return keys_written_.load(std::memory_order_relaxed); }

  // For those who change the store; under the lock of the keyspace's shard.
  void before_change(Keyspace& keys, Entry* entry);
  // A database is cut off. Returns it when it is of no concern here.
  std::unique_ptr<Keyspace> keep(unsigned shard, std::unique_ptr<Keyspace> keyspace);
  // Whether a command that changes the key should come again later: it is big and not written yet,
  // or the buffer is full. Call without locks.
  static bool must_wait(Store& store, const Key& key, unsigned db);

 private:
  // One keyspace to walk over.
  struct Part {
    unsigned db = 0;  // at the moment of the snapshot; hidden ones are not written
    unsigned shard = 0;
    Keyspace* keys = nullptr;
    std::unique_ptr<Keyspace> kept;  // it was cut off meanwhile
    size_t size = 0;  // keys at that moment, and those with an expiry
    size_t expiring = 0;
    uint64_t cursor = 0;
    bool done = false;
  };
  // Bytes of keys written ahead of the walk; a blob's own follow as a string.
  struct Chunk {
    unsigned db = 0;
    std::string bytes;
    std::shared_ptr<const void> owner;
    Bytes blob;
  };
  // What one hold of a lock found.
  struct Gathered {
    Chunk batch;
    std::vector<RdbStringPlace> uncompressed;  // in the batch
    std::vector<Chunk> blobs;
    std::unique_ptr<Keyspace> gone = nullptr;  // to be freed without a lock
    bool froze = false;
  };
  // A big object on its way.
  struct Frozen {
    unsigned shard = 0;
    std::optional<RdbValueWriter> writer;
    bool done = false;
    std::string rest;  // written by somebody who could not wait
  };
  struct Wanted {
    Part* part = nullptr;
    std::string key;
  };

  StoreSnapshot(Store& store, const StoreSnapshotOptions& options)
      : store_(store), options_(options), now_ms_(unix_ms()) {}
  bool start(const std::function<void()>& at_point);
  void list_parts();
  void stop();

  Part* part_of(unsigned shard, const Keyspace& keys);
  bool is_written(const Entry& entry, unsigned shard) const;
  bool holds_back(Keyspace& keys, const Key& key, const Entry& entry);
  void write_ahead(unsigned db, unsigned shard, const Entry& entry);
  Chunk chunk_of(unsigned db, unsigned shard, const Entry& entry) const;
  void append_head(std::string& out, unsigned shard, const Entry& entry, RdbType type) const;
  void finish_frozen();

  void with_shard(unsigned shard, const std::function<void()>& work);
  void walk_database(RdbFileWriter& out, size_t first, size_t last);
  void walk_part(RdbFileWriter& out, Part& part);
  void gather(Part& part, Gathered& got);
  void write_wanted(RdbFileWriter& out);
  void write_entry(const Part& part, Entry* entry, Gathered& got);
  void freeze(const Part& part, Entry* entry, std::string& batch);
  void write_frozen(RdbFileWriter& out);
  void write_chunk(RdbFileWriter& out, const Chunk& chunk);
  void drain(RdbFileWriter& out);
  void rest(RdbFileWriter& out);
  bool given_up() const { return given_up_.load(std::memory_order_relaxed); }

  Store& store_;
  StoreSnapshotOptions options_;
  std::vector<Part> parts_;                   // by database, then shard
  std::vector<std::vector<Part*>> of_shard_;  // guarded by the shard's lock
  std::vector<uint8_t> epochs_;               // of each shard
  const int64_t now_ms_;  // that idle times count from
  size_t keys_total_ = 0;
  size_t rested_at_ = 0;  // keys_written_ at the last rest
  bool running_ = false;
  std::atomic<size_t> keys_written_{0};
  std::atomic<bool> given_up_{false};
  Frozen frozen_;  // guarded by the lock of its shard
  std::atomic<const Entry*> frozen_entry_{nullptr};

  Mutex buffer_mutex_;  // below the shards' locks
  std::vector<Chunk> buffer_ GUARDED_BY(buffer_mutex_);
  std::deque<Wanted> wanted_ GUARDED_BY(buffer_mutex_);
  std::atomic<size_t> buffered_bytes_{0};
  std::atomic<bool> has_wanted_{false};
};

// Writes a whole file of the store while the caller holds every shard's lock.
void write_store_locked(Store& store, RdbFileWriter& out, const RdbFacts& facts,
                        const std::vector<std::string>& functions);

}  // namespace larder
