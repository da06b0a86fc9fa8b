#include "server/commands/sliced_read.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <thread>

#include "base/clock.h"
#include "server/commands/errors.h"
#include "server/commands/listeners.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

// How long a read may keep its worker busy before others have their turn.
constexpr int64_t kSliceUs = 50;
// Reads that were in vain before the shards stay locked.
constexpr unsigned kRestartsMax = 2;

}  // namespace

// The locks of all shards of some keys. Holds nothing while it waits, as somebody else may wait for
// what it has.
class SlicedRead::AllLocks {
 public:
  AllLocks(Store& store, const std::vector<std::shared_ptr<Watch>>& keys)
      NO_THREAD_SAFETY_ANALYSIS : store_(store) {
    for (const auto& key : keys) {
      const unsigned shard = store.shard_index(key->key.hash);
      if (!is_held(shard)) wanted_.push_back(shard);
    }
    std::sort(wanted_.begin(), wanted_.end());
    wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
    while (!try_lock_all()) std::this_thread::yield();
  }
  ~AllLocks() { unlock(wanted_.size()); }
  AllLocks(const AllLocks&) = delete;
  AllLocks& operator=(const AllLocks&) = delete;

 private:
  static bool is_held(unsigned shard) {
    return held_shards != nullptr && (held_shards[shard / 64] >> shard % 64 & 1) != 0;
  }
  bool try_lock_all() NO_THREAD_SAFETY_ANALYSIS {
    for (size_t i = 0; i < wanted_.size(); ++i) {
      if (store_.shard(wanted_[i]).mutex.try_lock()) continue;
      unlock(i);
      return false;
    }
    return true;
  }
  void unlock(size_t count) NO_THREAD_SAFETY_ANALYSIS {
    for (size_t i = 0; i < count; ++i) store_.shard(wanted_[i]).mutex.unlock();
  }

  Store& store_;
  std::vector<unsigned> wanted_;
};

SlicedRead::SlicedRead(Call& call, std::span<const Key> keys, Type type)
    : store_(call.store()),
      watches_(call.services().listeners.watches),
      db_(call.session().db),
      type_(type),
      protocol_(call.reply().version()),
      now_ms_(call.now_ms()) {
  for (const Key& key : keys) {
    keys_.push_back(std::make_shared<Watch>(KeyPlace(key, db_)));
    watches_.add(keys_.back()->key, keys_.back());
  }
}

SlicedRead::~SlicedRead() {
  for (const auto& watch : keys_) {
    const unsigned shard = store_.shard_index(watch->key.hash);
    ShardLock lock(store_.shard(shard), shard);
    watches_.remove(watch->key, watch.get());
  }
}

Task::Progress SlicedRead::step(ReplyWriter& reply, int64_t) {
  if (restarts_ > kRestartsMax) {
    AllLocks locks(store_, keys_);
    restart();
    while (read_slice()) {
    }
  } else {
    if (read_on(steady_us() + kSliceUs)) return Progress::again;
    if (touched()) {
      ++restarts_;
      forget_touches();
      restart();
      wrong_type_ = false;
      return Progress::again;
    }
  }
  wrong_type_ ? reply.error(errors::kWrongType) : write(reply);
  return Progress::done;
}

// Returns true when the time was over before the end.
bool SlicedRead::read_on(int64_t end_us) {
  do {
    const unsigned shard = store_.shard_index(keys_[next_key()]->key.hash);
    ShardLock lock(store_.shard(shard), shard);
    if (!read_slice()) return false;
  } while (steady_us() < end_us);
  return true;
}

// Under the lock of the next key's shard.
bool SlicedRead::read_slice() NO_THREAD_SAFETY_ANALYSIS {
  const KeyPlace& place = keys_[next_key()]->key;
  const Key key = place.key();
  Keyspace& keys = store_.shard_of(place.hash).keyspace(db_);
  Item item = keys.find(key);
  if (item && item->expired(now_ms_)) item = {};
  if (item && item->type() != type_) {
    wrong_type_ = true;
    return false;
  }
  return read({keys, key, item, now_ms_});
}

// A key was changed before this moment. A change is marked under the lock of the key's shard.
bool SlicedRead::touched() {
  return std::any_of(keys_.begin(), keys_.end(), [this](const auto& watch) {
    const unsigned shard = store_.shard_index(watch->key.hash);
    ShardLock lock(store_.shard(shard), shard);
    return watch->touched.load(std::memory_order_relaxed);
  });
}

void SlicedRead::forget_touches() {
  for (const auto& watch : keys_) watch->touched.store(false, std::memory_order_relaxed);
}

}  // namespace larder
