// Client-side caching: tells clients which keys in their caches are no longer true.
//
// - By default the server remembers which client read which key: one table a part of a shard,
//   written under the lock of the shard, by the reader after it read and by the writer after it
//   wrote. So whoever read the old value is found by who changes it, on whatever worker.
// - In broadcast mode a client names prefixes and is told of every key that begins with one.
// - As in Redis names alone are tracked: a key of that name in another database counts too.
//
// What is told goes through the queue of the client's worker, behind the reply of the command that
// the client runs meanwhile: a client never hears that a value is old before it has the value.
// Source: https://redis.io/docs/manual/client-side-caching/
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/engine/channels.h"
#include "server/engine/client_directory.h"
#include "server/engine/pushes.h"
#include "server/engine/session.h"
#include "server/engine/tracking_table.h"
#include "storage/garbage.h"

namespace larder {

class Store;

// What CLIENT TRACKING set up for one client.
struct TrackingState {
  bool broadcast = false;
  bool opt_in = false;
  bool opt_out = false;
  bool no_loop = false;
  bool caching = false;  // CLIENT CACHING was called for the command or transaction to come
  bool broken_redirect = false;
  uint64_t redirect = 0;  // the client that is told instead; 0: none
  size_t redirect_worker = 0;
  uint64_t flushes_before = 0;  // what was flushed before it began is no news to it
  std::vector<std::shared_ptr<Audience>> prefixes;

  bool remembers() const { return !broadcast && (opt_in ? caching : !(opt_out && caching)); }
};

class Tracking {
 public:
  // `shard_bits` as of the store whose locks guard the tables.
  Tracking(PushQueues& pushes, const ClientDirectory& directory, size_t workers,
           unsigned shard_bits);
  ~Tracking();

  // Memory is reported here.
  void connect(Store& store) { store_ = &store; }
  void set_keys_max(uint64_t keys) { keys_max_.store(keys, std::memory_order_relaxed); }

  // On the client's worker. A client that is on already gets the new options.
  void start(ClientView& client, size_t worker, TrackingState state,
             const std::vector<Bytes>& prefixes);
  void stop(ClientView& client, size_t worker);

  // Anybody could want to know of a change.
  bool active() const { return keys_.load(std::memory_order_relaxed) > 0 || prefixes_.size() > 0; }
  // The client has read the key. Under the lock of the key's shard.
  void remember(const Key& key, const Session& session, size_t worker);
  // The key has changed, by client `writer` or by nobody (0). The same lock.
  void changed(Bytes key, uint64_t writer);
  // All keys of a database have; under the locks of all shards. Returns what is to be freed when
  // they are not held any more.
  std::unique_ptr<Garbage> flushed();

  // Forgets keys while there are more than tracking-table-max-keys, some with each call. Takes
  // shard locks: call without any.
  bool over_limit() const {
    const uint64_t most = keys_max_.load(std::memory_order_relaxed);
    return most != 0 && keys_.load(std::memory_order_relaxed) > most;
  }
  void evict(uint64_t random);

  uint64_t keys() const { return keys_.load(std::memory_order_relaxed); }
  uint64_t items() const { return items_.load(std::memory_order_relaxed); }
  size_t prefixes() const { return prefixes_.size(); }
  size_t clients() const { return clients_.load(std::memory_order_relaxed); }

 private:
  friend class BroadcastPush;
  friend class FlushPush;
  // Small tables grow without holding their shard's lock for long.
  static constexpr unsigned kTableBits = 4;  // tables in a shard, as a power of two

  struct Broadcast {
    std::string key;
    uint64_t writer;
  };
  // Of one worker: keys that changed and that its audiences have not been told of.
  struct alignas(128) PerWorker {
    Mutex mutex;
    std::unordered_map<Audience*, std::vector<Broadcast>> broadcasts GUARDED_BY(mutex);
    std::vector<ClientView*> clients;  // with tracking on; on the worker's thread only
  };

  size_t table_count() const { return size_t{1} << table_bits_; }
  TrackingTable& table_of(uint64_t hash) { return tables_[hash >> (64 - table_bits_)]; }
  void invalidate(const TrackedKey& key, uint64_t writer);
  void broadcast(Bytes key, uint64_t writer);
  void note(int64_t keys, int64_t items, int64_t bytes);
  void drop_gone(TrackingTable& table, const Key& key);
  std::vector<Broadcast> take_broadcasts(Audience& audience);
  void count_prefix(size_t bytes, int by);
  std::vector<size_t> prefix_lengths(size_t most);

  PushQueues& pushes_;
  const ClientDirectory& directory_;
  Store* store_ = nullptr;
  const unsigned table_bits_;
  std::unique_ptr<TrackingTable[]> tables_;
  std::unique_ptr<PerWorker[]> per_worker_;
  const size_t workers_;
  ChannelTable prefixes_;
  Mutex lengths_mutex_;
  std::map<size_t, size_t> lengths_ GUARDED_BY(lengths_mutex_);  // of prefixes, and how many
  std::atomic<uint64_t> keys_{0};
  std::atomic<uint64_t> items_{0};
  std::atomic<size_t> clients_{0};
  std::atomic<uint64_t> flushes_{0};
  std::atomic<uint64_t> keys_max_{1'000'000};
  std::atomic<unsigned> effort_{0};  // rises while evict() can't keep up
  std::atomic<int64_t> unreported_bytes_{0};
};

}  // namespace larder
