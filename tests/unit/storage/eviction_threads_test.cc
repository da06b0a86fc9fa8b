// Several threads read, write and remove keys at the limit while policies, settings and the limit
// itself change. Meant for ThreadSanitizer; elsewhere it finds lost entries and broken counts.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "storage/store.h"

namespace larder::eviction_threads_test {
namespace {

constexpr int64_t kLimit = 2 * 1024 * 1024;
constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr int kKeys = 20'000;
constexpr int kOperations = 20'000;  // of a thread
constexpr unsigned kThreads = 3;

void write([[maybe_unused]] Shard& shard, Keyspace& keys, const Key& key, Random& random)
    REQUIRES(shard.mutex) {
  const EntryShape shape{.encoding = Encoding::raw,
                         .key_bytes = key.name.size(),
                         .payload_bytes = 10 + random.below(600),
                         .expiry_ms = random.below(2) == 0 ? kNoExpiry : kNowMs + 1'000'000};
  const Item item = keys.find(key);
  item ? keys.reshape(item, shape) : keys.add(key, shape);
}

void operate(Store& store, uint64_t seed) {
  Random random(seed);
  for (int i = 0; i < kOperations; ++i) {
    (void)store.make_room(kNowMs, random.next());
    const std::string name = "key" + std::to_string(random.below(random.below(kKeys) + 1));
    const Key key = Key::of(name);
    Shard& shard = store.shard_of(key.hash);
    MutexLock lock(shard.mutex);
    shard.services.now_ms = kNowMs;
    Keyspace& keys = shard.keyspace(0);
    const Item item = keys.find(key);
    switch (random.below(8)) {
      case 0:
        if (item) keys.remove(item);
        break;
      case 1:
        if (item) keys.set_expiry(item, kNowMs + 1'000'000);
        break;
      case 2:
        if (item) keys.set_sticky(item, random.below(64) == 0);
        break;
      case 3:
      case 4:
        item ? keys.touch(item) : keys.missed(key);
        break;
      default:
        write(shard, keys, key, random);
    }
    shard.settle_memory(store.memory());
  }
}

// What another worker does meanwhile.
void disturb(Store& store, const std::atomic<unsigned>& running) {
  Random random(99);
  const auto policies = eviction_policies();
  while (running.load() > 0) {
    const auto& policy = policies[random.below(policies.size())];
    store.set_eviction_policy(policy, {.samples = 5});
    for (unsigned i = 0; i < 5; ++i) store.tend_eviction(0, 1, kNowMs + i);
    store.set_memory_limit(kLimit / (1 + static_cast<int64_t>(random.below(3))));
    (void)store.evict_in_background(kNowMs, random.next());
    (void)store.advice();
    (void)store.eviction_history();
  }
}

TEST(EvictionThreads, policies_change_under_load) {
  Store store({.shard_bits = 5});  // two groups
  store.set_memory_limit(kLimit);
  store.set_eviction_policy(*find_eviction_policy("adaptive"), {});
  std::atomic<unsigned> running{kThreads};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&store, &running, i] {
      operate(store, i + 1);
      --running;
    });
  }
  disturb(store, running);
  for (std::thread& thread : threads) thread.join();
  store.validate();
  store.set_eviction_policy(*find_eviction_policy("allkeys-lru"), {});
  store.tend_eviction(0, 1, kNowMs);  // what the last policy kept is no more
  store.set_memory_limit(kLimit / 2);
  while (store.memory().over_limit()) ASSERT_TRUE(store.make_room(kNowMs, 7));
  EXPECT_LE(store.memory().used(), kLimit / 2);
}

}  // namespace
}  // namespace larder::eviction_threads_test
