#include "server/engine/channels.h"

#include <algorithm>

#include "base/check.h"

namespace larder {

ChannelTable::ChannelTable(size_t buckets) : buckets_(buckets) {}

std::shared_ptr<Audience> ChannelTable::join(Bytes name, size_t worker, ClientView& client) {
  Bucket& bucket = bucket_of(name);
  MutexLock lock(bucket.mutex);
  auto found = bucket.names.find(name);
  if (found == bucket.names.end()) {
    found = bucket.names.emplace(name, Audiences{}).first;
    size_.fetch_add(1, std::memory_order_relaxed);
  }
  for (const auto& audience : found->second) {
    if (audience->worker != worker) continue;
    audience->members.push_back(&client);
    return audience;
  }
  found->second.push_back(std::make_shared<Audience>(
      Audience{worker, std::string(name), std::vector<ClientView*>{&client}}));
  return found->second.back();
}

void ChannelTable::leave(Audience& audience, ClientView& client) {
  Bucket& bucket = bucket_of(audience.name);
  MutexLock lock(bucket.mutex);
  const auto member = std::find(audience.members.begin(), audience.members.end(), &client);
  DCHECK(member != audience.members.end());
  *member = audience.members.back();
  audience.members.pop_back();
  if (!audience.members.empty()) return;
  const auto found = bucket.names.find(audience.name);
  std::erase_if(found->second, [&](const auto& each) { return each.get() == &audience; });
  if (!found->second.empty()) return;
  bucket.names.erase(found);
  size_.fetch_sub(1, std::memory_order_relaxed);
}

std::vector<std::string> ChannelTable::names() {
  std::vector<std::string> all;
  for (Bucket& bucket : buckets_) {
    MutexLock lock(bucket.mutex);
    for (const auto& [name, audiences] : bucket.names) all.push_back(name);
  }
  return all;
}

}  // namespace larder
