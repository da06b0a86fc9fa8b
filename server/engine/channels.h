// Who listens to what: names (of channels, of patterns, key prefixes) and the clients behind each,
// by worker. Any thread may ask and count; the clients themselves are for their own worker.
//
//   "news" -> audience on worker 0: [client, client]      locked by the name's bucket
//          -> audience on worker 2: [client]
//
// An audience changes on its worker's thread under the bucket's lock. So that thread may walk it
// without the lock, and everybody else may count it with.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/mutex.h"

namespace larder {

class ClientView;

struct Audience {
  const size_t worker;
  const std::string name;
  std::vector<ClientView*> members;
};

class ChannelTable {
 public:
  // One bucket suits tables that are walked for every message (patterns).
  explicit ChannelTable(size_t buckets);

  // The client must not be a member yet. On the client's worker.
  std::shared_ptr<Audience> join(Bytes name, size_t worker, ClientView& client);
  void leave(Audience& audience, ClientView& client);

  // Calls visit(audience) for the audiences of a name, under a leaf lock. Returns their members.
  template <typename Visit>
  size_t each_audience(Bytes name, const Visit& visit) {
    if (size() == 0) return 0;
    Bucket& bucket = bucket_of(name);
    MutexLock lock(bucket.mutex);
    const auto found = bucket.names.find(name);
    return found == bucket.names.end() ? 0 : visit_all(found->second, visit);
  }
  // The same for every name that `wanted` takes.
  template <typename Wanted, typename Visit>
  size_t each_audience_of(const Wanted& wanted, const Visit& visit) {
    size_t members = 0;
    if (size() == 0) return members;
    for (Bucket& bucket : buckets_) {
      MutexLock lock(bucket.mutex);
      for (auto& [name, audiences] : bucket.names) {
        if (wanted(name)) members += visit_all(audiences, visit);
      }
    }
    return members;
  }
  size_t members(Bytes name) {
    return each_audience(name, [](const std::shared_ptr<Audience>&) {});
  }
  std::vector<std::string> names();
  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  using Audiences = std::vector<std::shared_ptr<Audience>>;
  struct Hash {
    using is_transparent = void;
    size_t operator()(Bytes name) const { return hash_of(name); }
  };
  struct Bucket {
    Mutex mutex;
    std::unordered_map<std::string, Audiences, Hash, std::equal_to<>> names GUARDED_BY(mutex);
  };

  template <typename Visit>
  static size_t visit_all(const Audiences& audiences, const Visit& visit) {
    size_t members = 0;
    for (const auto& audience : audiences) {
      members += audience->members.size();
      visit(audience);
    }
    return members;
  }
  Bucket& bucket_of(Bytes name) { return buckets_[hash_of(name) % buckets_.size()]; }

  std::vector<Bucket> buckets_;
  std::atomic<size_t> size_{0};  // names
};

}  // namespace larder
