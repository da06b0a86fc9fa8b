#include "server/replication/own_keys.h"

#include <utility>

#include "storage/shard_lock.h"
#include "storage/store.h"

namespace larder {
namespace {

// False: a script holds its shard for long.
bool remove_if_due(Store& store, unsigned db, const Key& key, int64_t now_ms) {
  const unsigned index = store.shard_index(key.hash);
  Shard& shard = store.shard(index);
  const ShardChange change(store, shard, index, now_ms);
  if (!change) return false;
  Keyspace* keys = shard.find_keyspace(db);
  const Item item = keys == nullptr ? Item() : keys->find(key);
  if (item && item->expired(now_ms)) keys->evict(item);
  return true;
}

}  // namespace

void OwnKeys::note(int64_t expiry_ms, unsigned db, Bytes name) {
  std::lock_guard lock(mutex_);
  const auto [known, fresh] = lives_.try_emplace({db, std::string(name)}, expiry_ms);
  if (!fresh) due_.erase({known->second, &known->first});
  known->second = expiry_ms;
  due_.emplace(expiry_ms, &known->first);
}

// One that was taken, unless it got another life meanwhile.
void OwnKeys::note_again(const Place& place, int64_t expiry_ms) {
  std::lock_guard lock(mutex_);
  const auto [known, fresh] = lives_.try_emplace(place, expiry_ms);
  if (fresh) due_.emplace(expiry_ms, &known->first);
}

std::vector<std::pair<OwnKeys::Place, int64_t>> OwnKeys::take_due(int64_t now_ms) {
  std::lock_guard lock(mutex_);
  std::vector<std::pair<Place, int64_t>> taken;
  while (!due_.empty() && due_.begin()->first <= now_ms) {
    const auto [expiry_ms, place] = *due_.begin();
    due_.erase(due_.begin());
    taken.emplace_back(std::move(lives_.extract(*place).key()), expiry_ms);
  }
  return taken;
}

void OwnKeys::expire(Store& store, int64_t now_ms) {
  for (const auto& [place, expiry_ms] : take_due(now_ms)) {
    if (!remove_if_due(store, place.db, Key::of(place.name), now_ms)) note_again(place, expiry_ms);
  }
}

size_t OwnKeys::count() {
  std::lock_guard lock(mutex_);
  return lives_.size();
}

void OwnKeys::clear() {
  std::lock_guard lock(mutex_);
  due_.clear();
  lives_.clear();
}

}  // namespace larder
