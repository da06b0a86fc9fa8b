// Who waits for news of which key: lists by key, in 1024 maps by the top bits of the key's hash. A
// shard is made of whole maps, whatever the number of shards: its lock guards them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "storage/store.h"

namespace larder {

// A key of a database, kept beyond the request that named it.
struct KeyPlace {
  uint64_t hash = 0;
  unsigned db = 0;
  std::string name;

  KeyPlace(const Key& key, unsigned db_) : hash(key.hash), db(db_), name(key.name) {}
  Key key() const { return {name, hash}; }

  bool operator==(const KeyPlace&) const = default;
};

template <typename T>
class ByKey {
 public:
  using List = std::vector<std::shared_ptr<T>>;  // in order of arrival

  ByKey() : maps_(std::make_unique<Map[]>(kMaps)) {}

  // Nobody waits for any key. From any thread, and cheap.
  bool empty() const { return size_.load(std::memory_order_relaxed) == 0; }
  // Null when nobody waits for the key.
  List* find(const Key& key, unsigned db) {
    Map& map = map_of(key.hash);
    if (map.empty()) [[likely]] return nullptr;
    const auto found = map.find(id_of(db, key.name));
    return found == map.end() ? nullptr : &found->second;
  }
  void add(const KeyPlace& key, const std::shared_ptr<T>& who) {
    map_of(key.hash)[id_of(key.db, key.name)].push_back(who);
    size_.fetch_add(1, std::memory_order_relaxed);
  }
  void remove(const KeyPlace& key, const T* who) {
    Map& map = map_of(key.hash);
    const auto found = map.find(id_of(key.db, key.name));
    if (found == map.end()) return;
    const size_t removed =
        std::erase_if(found->second, [who](const auto& each) { return each.get() == who; });
    size_.fetch_sub(removed, std::memory_order_relaxed);
    if (found->second.empty()) map.erase(found);
  }
  // Calls visit(list) for every key. Under every shard's lock.
  template <typename Visit>
  void each(Visit visit) {
    for (size_t i = 0; i < kMaps; ++i) {
      for (auto& [id, list] : maps_[i]) visit(list);
    }
  }

 private:
  using Map = std::unordered_map<std::string, List>;
  static constexpr size_t kMaps = size_t{1} << kShardBitsMax;

  Map& map_of(uint64_t hash) { return maps_[hash >> (64 - kShardBitsMax)]; }

  static std::string id_of(unsigned db, Bytes name) {
    std::string id(sizeof(uint32_t), '\0');
    larder::store(id.data(), static_cast<uint32_t>(db));
    return id.append(name);
  }

  std::unique_ptr<Map[]> maps_;
  std::atomic<size_t> size_{0};
};

}  // namespace larder
