#include "server/engine/sliced_read.h"

#include "base/clock.h"
#include "server/engine/errors.h"
#include "server/engine/listeners.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

// How long a read may keep its worker busy before others have their turn.
constexpr int64_t kSliceUs = 50;
// Reads that were in vain before the shards stay locked.
constexpr unsigned kRestartsMax = 2;

}  // namespace

// The locks of all shards of some keys, but those that the thread holds already.
class SlicedRead::AllLocks {
 public:
  AllLocks(Store& store, const std::vector<std::shared_ptr<Watch>>& keys) : store_(store) {
    for (const auto& key : keys) {
      const unsigned shard = store.shard_index(key->key.hash);
      if (!is_shard_held(shard)) wanted_.add(shard);
    }
    locked_ = lock_shards(store, wanted_);
  }
  ~AllLocks() {
    if (locked_) unlock_shards(store_, wanted_);
  }
  AllLocks(const AllLocks&) = delete;
  AllLocks& operator=(const AllLocks&) = delete;

  // False when a script holds one of them for long.
  explicit operator bool() const { return locked_; }

 private:
  Store& store_;
  ShardSet wanted_;
  bool locked_ = false;
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
    if (!may_wait_for_shard(shard)) continue;
    const ShardLock lock(store_.shard(shard), shard);
    // Else a script holds the key for long, and who changes the key next takes it off the list.
    if (lock) watches_.remove(watch->key, watch.get());
  }
}

Task::Progress SlicedRead::step(ReplyWriter& reply, int64_t) {
  if (restarts_ > kRestartsMax) {
    const AllLocks locks(store_, keys_);
    if (!locks) return Progress::again;
    restart();
    while (read_slice()) {
    }
  } else {
    if (read_on(steady_us() + kSliceUs)) return Progress::again;
    const std::optional<bool> changed = touched();
    if (!changed) return Progress::again;
    if (*changed) {
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

// Returns true when it stopped before the end: the time was over, or a script holds the key.
bool SlicedRead::read_on(int64_t end_us) {
  do {
    const unsigned shard = store_.shard_index(keys_[next_key()]->key.hash);
    const ShardLock lock(store_.shard(shard), shard);
    if (!lock) return true;
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

// Whether a key was changed before this moment. A change is marked under the lock of the key's
// shard. Nothing when a script holds one.
std::optional<bool> SlicedRead::touched() {
  bool found = false;
  for (const auto& watch : keys_) {
    const unsigned shard = store_.shard_index(watch->key.hash);
    const ShardLock lock(store_.shard(shard), shard);
    if (!lock) return {};
    found |= watch->touched.load(std::memory_order_relaxed);
  }
  return found;
}

void SlicedRead::forget_touches() {
  for (const auto& watch : keys_) watch->touched.store(false, std::memory_order_relaxed);
}

}  // namespace larder
