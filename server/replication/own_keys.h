// Keys with a life that clients wrote on a replica which takes writes (replica-read-only no). Its
// primary knows nothing of them and sends no DEL when they end, so they are removed here. The
// primary's keys are not: it may give them another life by what is still on its way.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace larder {

class Store;

class OwnKeys {
 public:
  // A client gave it a life up to that time. Any thread, under the shard's lock.
  void note(int64_t expiry_ms, unsigned db, Bytes name);
  // Removes those whose time has come. Without locks.
  void expire(Store& store, int64_t now_ms);
  size_t count();
  // They are the primary's now, or gone, or this server leads and removes all by itself.
  void clear();

 private:
  struct Place {
    unsigned db;
    std::string name;
    auto operator<=>(const Place&) const = default;
  };
  using Due = std::pair<int64_t, const Place*>;

  std::vector<std::pair<Place, int64_t>> take_due(int64_t now_ms);
  void note_again(const Place& place, int64_t expiry_ms);

  std::mutex mutex_;  // a leaf
  std::map<Place, int64_t> lives_;
  std::set<Due> due_;  // of each in lives_
};

}  // namespace larder
