#include "server/persistence/load.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/glob.h"
#include "base/numbers.h"
#include "base/random.h"
#include "base/thread_name.h"
#include "server/engine/listeners.h"
#include "server/engine/persistence.h"
#include "server/engine/services.h"
#include "server/persistence/value_limits.h"
#include "storage/prefetch.h"
#include "storage/shard_lock.h"
#include "storage/store.h"

namespace larder {
namespace {

// Keys that travel together from the reader to whoever lays them out.
struct Batch {
  RdbArena arena;
  std::vector<RdbKey> keys;
  size_t bytes = 0;
};
constexpr size_t kBatchKeys = 512;
constexpr size_t kBatchBytes = 256 * 1024;
// Batches on their way, per thread: more would only take memory.
constexpr size_t kBatchesWaiting = 4;
// As many as fit the cache beside what is being laid out.
constexpr size_t kFetchedTogether = 32;

// Lays keys out. Used by several threads.
class Shelf {
 public:
  Shelf(Services& services, const LoadOptions& options)
      : services_(services),
        options_(options),
        limits_(value_limits(services.settings)),
        now_ms_(unix_ms()) {}

  // Some keys' buckets are fetched at once: laying out waits for memory above all.
  void put(const Batch& batch, Random& random) {
    std::array<Key, kFetchedTogether> keys;
    BucketList buckets;
    for (size_t first = 0; first < batch.keys.size(); first += kFetchedTogether) {
      const size_t count = std::min(kFetchedTogether, batch.keys.size() - first);
      for (size_t i = 0; i < count; ++i) {
        keys[i] = Key::of(batch.keys[first + i].name);
        const unsigned db = batch.keys[first + i].db;
        if (db < services_.store.databases()) {
          look_ahead(services_.store, keys[i].hash, place_of(db), buckets);
        }
      }
      buckets.fetch();
      for (size_t i = 0; i < count; ++i) {
        if (!ok()) return;
        put(batch.keys[first + i], keys[i]);
      }
    }
    Store& store = services_.store;
    if (options_.all_there_is && held_shards == nullptr && store.memory().over_limit()) {
      (void)store.make_room(unix_ms(), random.next());
    }
  }

  void fail(uint64_t offset, const std::string& what) {
    std::lock_guard lock(mutex_);
    if (failed_.exchange(true)) return;
    error_ = "offset " + std::to_string(offset) + ": " + what;
  }
  bool ok() const { return !failed_.load(std::memory_order_relaxed); }
  // When all threads are done.
  const std::string& error() const { return error_; }

  std::atomic<uint64_t> loaded{0};
  std::atomic<uint64_t> expired{0};
  std::atomic<uint64_t> skipped{0};

 private:
  unsigned place_of(unsigned db) const {
    return options_.hidden ? services_.store.hidden(db) : db;
  }

  bool is_wanted(const RdbKey& key) const {
    if (options_.db && key.db != *options_.db) return false;
    return options_.pattern.empty() || glob_match(options_.pattern, key.name);
  }

  void put(const RdbKey& key, const Key& hashed) {
    if (!is_wanted(key)) {
      skipped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    if (key.db >= services_.store.databases()) {
      return fail(key.offset,
                  "database " + std::to_string(key.db) + " is more than `databases` allows");
    }
    const bool due = key.expiry_ms != kNoExpiry && key.expiry_ms <= now_ms_;
    if (due && options_.all_there_is) {
      expired.fetch_add(1, std::memory_order_relaxed);
      // Replicas that go on behind the file have it still. (A key that is replaced: perhaps not.)
      EffectLog& effects = services_.listeners.effects;
      if (!options_.replace && effects.active()) effects.append_gone(key.db, key.name);
      return;
    }
    // Redis skips a key without anything in it, which old versions could write.
    const RdbValue& value = key.value;
    if (value.items.empty() && value.type != Type::string && value.type != Type::stream) {
      skipped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    place(key, hashed);
  }

  void place(const RdbKey& from, const Key& key) {
    Store& store = services_.store;
    const unsigned index = store.shard_index(key.hash);
    Shard& shard = store.shard(index);
    bool stored = false;
    bool twice = false;
    {
      const ShardChange change(store, shard, index, now_ms_);
      Keyspace& keys = shard.keyspace(place_of(from.db));
      const Item old = keys.find(key);
      const EntryUse use{.idle_seconds = from.idle_seconds, .frequency = from.frequency};
      if (use.known()) shard.services.recalled = &use;
      twice = old && !options_.replace;
      stored = !twice && put_rdb_value(keys, key, old, from.value, limits_, from.expiry_ms, now_ms_,
                                       DueFields::kept)
                             .ok;
      shard.services.recalled = nullptr;
      shard.services.added_hash = 0;  // the file says how long it lives
    }
    if (twice) return fail(from.offset, "the key is there already");
    if (!stored) return fail(from.offset, "the value has an element twice");
    loaded.fetch_add(1, std::memory_order_relaxed);
  }

  Services& services_;
  const LoadOptions& options_;
  const ValueLimits limits_;
  const int64_t now_ms_;
  std::mutex mutex_;
  std::atomic<bool> failed_{false};
  std::string error_;
};

// Hands full batches to threads and takes empty ones back.
class Carriers {
 public:
  Carriers(Shelf& shelf, unsigned threads) : shelf_(shelf), most_(threads * kBatchesWaiting) {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { carry(); });
  }
  ~Carriers() { finish(); }

  std::unique_ptr<Batch> empty() {
    std::lock_guard lock(mutex_);
    if (empty_.empty()) return std::make_unique<Batch>();
    auto batch = std::move(empty_.back());
    empty_.pop_back();
    return batch;
  }
  void give(std::unique_ptr<Batch> batch) {
    if (threads_.empty()) {
      shelf_.put(*batch, random_);
      return clear(std::move(batch));
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return full_.size() < most_; });
    full_.push_back(std::move(batch));
    changed_.notify_all();
  }
  // Waits until everything is laid out.
  void finish() {
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void carry() {
    name_this_thread("load");
    Random random(random_seed());
    while (true) {
      std::unique_ptr<Batch> batch;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ended_ || !full_.empty(); });
        if (full_.empty()) return;
        batch = std::move(full_.front());
        full_.pop_front();
        changed_.notify_all();
      }
      shelf_.put(*batch, random);
      clear(std::move(batch));
    }
  }
  void clear(std::unique_ptr<Batch> batch) {
    batch->keys.clear();
    batch->arena.clear();
    batch->bytes = 0;
    std::lock_guard lock(mutex_);
    if (empty_.size() < most_) empty_.push_back(std::move(batch));
  }

  Shelf& shelf_;
  const size_t most_;
  Random random_{random_seed()};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Batch>> full_;
  std::vector<std::unique_ptr<Batch>> empty_;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

namespace {

// Passes news on; libraries of functions go where they live.
class LoadNews : public RdbNews {
 public:
  LoadNews(Services& services, const LoadOptions& options)
      : services_(services), options_(options) {}
  void fact(Bytes name, Bytes value) override {
    if (options_.news != nullptr) options_.news->fact(name, value);
  }
  void sizes(unsigned db, uint64_t keys, uint64_t expiring) override {
    if (options_.news != nullptr) options_.news->sizes(db, keys, expiring);
  }
  std::string function(Bytes code) override {
    if (!options_.functions || services_.persistence == nullptr) return "";
    if (options_.load_function) return options_.load_function(code);
    return services_.persistence->load_function(code, options_.replace);
  }

 private:
  Services& services_;
  const LoadOptions& options_;
};

}  // namespace

LoadPace::LoadPace(Services& services, const std::function<bool()>& stop)
    : services_(services), stop_(stop) {
  look();
}

void LoadPace::look() {
  const auto text = services_.configuration.value("key-load-delay");
  delay_us_ = text ? parse_int64(*text).value_or(0) : 0;
  looked_ms_ = steady_ms();
  since_look_ = 0;
}

bool LoadPace::go_on() {
  constexpr uint64_t kLookKeys = 4096;
  constexpr int64_t kLookMs = 50;
  if (delay_us_ != 0) rest();
  const bool slow = delay_us_ != 0 && steady_ms() - looked_ms_ >= kLookMs;
  if (++since_look_ < kLookKeys && !slow) return delay_us_ == 0 || !stopped();
  look();
  return !stopped();
}

void LoadPace::rest() {
  if (delay_us_ < 0 && ++since_rest_ < static_cast<uint64_t>(-delay_us_)) return;
  since_rest_ = 0;
  constexpr int64_t kPieceUs = 10'000;
  for (int64_t left = std::max<int64_t>(delay_us_, 1); left > 0 && !stopped(); left -= kPieceUs) {
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(left, kPieceUs)));
  }
}

namespace {

// Nothing more comes once loading is to stop, also in the middle of a large value.
class StoppableSource : public Source {
 public:
  StoppableSource(Source& source, const LoadPace& pace) : source_(source), pace_(pace) {}
  size_t read(char* into, size_t bytes) override {
    return pace_.stopped() ? 0 : source_.read(into, bytes);
  }

 private:
  Source& source_;
  const LoadPace& pace_;
};

}  // namespace

LoadOutcome load_rdb(Source& from, Services& services, const LoadOptions& options) {
  LoadPace pace(services, options.stop);
  StoppableSource source(from, pace);
  LoadNews news(services, options);
  const bool checksum = options.checksum && !services.settings.checksums_ignored.load();
  RdbFileReader reader(source, news, checksum);
  Shelf shelf(services, options);
  Carriers carriers(shelf, options.threads);
  auto batch = carriers.empty();
  RdbKey key;
  uint64_t told = 0;
  constexpr uint64_t kTellBytes = 2 * 1024 * 1024;
  while (shelf.ok() && pace.go_on() && reader.next(batch->arena, key)) {
    batch->keys.push_back(std::move(key));
    if (batch->keys.size() < kBatchKeys && batch->arena.bytes() < kBatchBytes) continue;
    carriers.give(std::move(batch));
    batch = carriers.empty();
    if (!options.progress || reader.offset() - told < kTellBytes) continue;
    told = reader.offset();
    options.progress(told);
  }
  carriers.give(std::move(batch));
  carriers.finish();
  LoadOutcome outcome;
  outcome.error = shelf.ok() ? reader.error() : shelf.error();
  if (pace.stopped()) outcome.error = kLoadStopped;
  outcome.loaded = shelf.loaded;
  outcome.expired = shelf.expired;
  outcome.skipped = shelf.skipped;
  outcome.bytes = reader.offset();
  outcome.version = reader.version();
  outcome.rest = reader.rest();
  return outcome;
}

}  // namespace larder
