#include "storage/store.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>

#include "base/random.h"
#include "storage/events.h"
#include "storage/strings.h"

namespace larder::store_test {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class Kept : public Reclaimer {
 public:
  void reclaim(GarbageList garbage) override {
    for (const auto& piece : garbage) bytes += piece->bytes();
    pieces += garbage.size();
  }
  size_t bytes = 0;
  size_t pieces = 0;
};

class Evicted : public StoreEvents {
 public:
  void expired(unsigned, Bytes) override {}
  void evicted(unsigned, Bytes key) override { keys.emplace(key); }
  void added(unsigned, Bytes) override {}
  std::set<std::string> keys;
};

class StoreTest : public testing::Test {
 protected:
  // A limit that was lowered is reached in steps.
  bool make_all_room() {
    do {
      if (!store_.make_room(now_ms_, 1)) return false;
    } while (store_.memory().over_limit());
    return true;
  }
  void put(const std::string& name, Bytes value, int64_t expiry_ms = kNoExpiry, unsigned db = 0) {
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    MutexLock lock(shard.mutex);
    shard.services.now_ms = now_ms_;
    Keyspace& keyspace = shard.keyspace(db);
    put_string(keyspace, key, keyspace.find(key), value, expiry_ms);
    shard.settle_memory(store_.memory());
  }
  bool has(const std::string& name, unsigned db = 0) {
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    MutexLock lock(shard.mutex);
    return static_cast<bool>(shard.keyspace(db).find(key));
  }
  void touch(const std::string& name) {
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    MutexLock lock(shard.mutex);
    shard.services.now_ms = now_ms_;
    shard.keyspace(0).touch(shard.keyspace(0).find(key));
  }
  void use_policy(Bytes name, unsigned samples = 5) {
    store_.set_eviction_policy(*find_eviction_policy(name), {.samples = samples});
  }
  void lock_all() NO_THREAD_SAFETY_ANALYSIS {
    for (unsigned i = 0; i < store_.shard_count(); ++i) store_.shard(i).mutex.lock();
  }
  void unlock_all() NO_THREAD_SAFETY_ANALYSIS {
    for (unsigned i = 0; i < store_.shard_count(); ++i) store_.shard(i).mutex.unlock();
  }
  // As the gate does before a command: make room, then put. Returns false when refused.
  bool put_within_limit(const std::string& name, Bytes value, int64_t expiry_ms = kNoExpiry) {
    if (!store_.make_room(now_ms_, random_.next())) return false;
    put(name, value, expiry_ms);
    return true;
  }

  Kept reclaimer_;
  Evicted events_;
  Store store_{{.shard_bits = 4, .databases = 16, .events = &events_, .reclaimer = &reclaimer_}};
  int64_t now_ms_ = kStartMs;
  Random random_{99};
};

TEST_F(StoreTest, keys_go_to_shards_by_the_top_bits) {
  EXPECT_EQ(store_.shard_count(), 16U);
  EXPECT_EQ(store_.shard_index(0), 0U);
  EXPECT_EQ(store_.shard_index(~uint64_t{0}), 15U);
  EXPECT_EQ(Store({.shard_bits = 0}).shard_index(~uint64_t{0}), 0U);
}

TEST_F(StoreTest, sizes_and_totals) {
  for (int i = 0; i < 100; ++i) put(std::to_string(i), "v", i < 30 ? kStartMs : kNoExpiry);
  put("other", "v", kNoExpiry, 7);
  EXPECT_EQ(store_.database_size(0).keys, 100U);
  EXPECT_EQ(store_.database_size(0).with_expiry, 30U);
  EXPECT_EQ(store_.database_size(7).keys, 1U);
  EXPECT_EQ(store_.database_size(8).keys, 0U);
  EXPECT_EQ(store_.totals().keys, 101U);
}

TEST_F(StoreTest, the_account_is_exact_once_settled) {
  store_.settle_memory();
  const int64_t before = store_.memory().used();
  for (int i = 0; i < 10'000; ++i) put(std::to_string(i), std::string(100, 'v'));
  store_.settle_memory();
  const StoreTotals totals = store_.totals();
  EXPECT_EQ(store_.memory().used(),
            static_cast<int64_t>(totals.table_bytes + totals.dataset_bytes));
  EXPECT_GE(store_.memory().peak(), store_.memory().used());
  lock_all();
  EXPECT_EQ(store_.flush_locked(Store::kAllDatabases), 10'000U);
  unlock_all();
  EXPECT_EQ(store_.memory().used(), before);
}

TEST_F(StoreTest, flushes_one_database_and_hands_its_memory_over) {
  put("a", "v", kNoExpiry, 1);
  put("b", "v", kNoExpiry, 2);
  lock_all();
  EXPECT_EQ(store_.flush_locked(1), 1U);
  unlock_all();
  EXPECT_FALSE(has("a", 1));
  EXPECT_TRUE(has("b", 2));
}

TEST_F(StoreTest, swaps_databases) {
  put("a", "v", kNoExpiry, 1);
  put("b", "v", kStartMs + 1000, 2);
  lock_all();
  store_.swap_databases_locked(1, 2);
  unlock_all();
  EXPECT_TRUE(has("a", 2));
  EXPECT_TRUE(has("b", 1));
  EXPECT_EQ(store_.database_size(1).with_expiry, 1U);
  store_.validate();
}

TEST_F(StoreTest, reveals_hidden_data_in_place_of_all_there_is) {
  put("a", "old");
  put("gone", "old", kNoExpiry, 3);
  put("a", "newer", kNoExpiry, store_.hidden(0));
  put("b", "new", kNoExpiry, store_.hidden(2));
  EXPECT_EQ(store_.totals().keys, 2U);
  lock_all();
  store_.reveal_locked();
  unlock_all();
  EXPECT_TRUE(has("a") && has("b", 2));
  EXPECT_FALSE(has("gone", 3) || has("a", store_.hidden(0)) || has("b", store_.hidden(2)));
  EXPECT_EQ(store_.totals().keys, 2U);
  store_.validate();
}

TEST_F(StoreTest, flushes_hidden_data_apart) {
  put("a", "old");
  put("b", "new", kNoExpiry, store_.hidden(1));
  lock_all();
  EXPECT_EQ(store_.flush_locked(Store::kAllDatabases), 1U);
  unlock_all();
  EXPECT_TRUE(has("b", store_.hidden(1)));
  put("a", "old");
  lock_all();
  store_.drop_hidden_locked();
  unlock_all();
  EXPECT_TRUE(has("a"));
  EXPECT_FALSE(has("b", store_.hidden(1)));
}

TEST_F(StoreTest, removes_what_is_due_in_its_own_shards) {
  for (int i = 0; i < 1000; ++i) put(std::to_string(i), "v", kStartMs + 100);
  EXPECT_LE(store_.next_expiry_ms(0, 1), kStartMs + 128);
  while (store_.expire_due(0, 2, kStartMs + 200)) {
  }
  EXPECT_NEAR(static_cast<double>(store_.database_size(0).keys), 500, 120);
  EXPECT_EQ(store_.next_expiry_ms(0, 2), kNever);
  while (store_.expire_due(1, 2, kStartMs + 200)) {
  }
  EXPECT_EQ(store_.database_size(0).keys, 0U);
  EXPECT_EQ(store_.totals().expired_keys, 1000U);
}

TEST_F(StoreTest, does_not_expire_by_itself_when_told_so) {
  put("a", "v", kStartMs + 100);
  store_.set_active_expiry(false);
  EXPECT_FALSE(store_.expire_due(0, 1, kStartMs + 1000));
  EXPECT_TRUE(has("a"));
}

TEST_F(StoreTest, says_when_expiry_has_more_to_do) {
  for (int i = 0; i < 100'000; ++i) put(std::to_string(i), "v", kStartMs + 100);
  EXPECT_TRUE(store_.expire_due(0, 1, kStartMs + 1000));
  EXPECT_GT(store_.database_size(0).keys, 0U);
}

constexpr int64_t kLimit = 4 << 20;

TEST_F(StoreTest, without_eviction_the_limit_refuses) {
  store_.set_memory_limit(kLimit);
  int stored = 0;
  while (stored < 100'000 && put_within_limit(std::to_string(stored), std::string(100, 'v'))) {
    ++stored;
  }
  EXPECT_LT(stored, 100'000);
  EXPECT_EQ(store_.totals().keys, static_cast<size_t>(stored));
  EXPECT_TRUE(events_.keys.empty());
  store_.set_memory_limit(0);
  EXPECT_TRUE(make_all_room());
}

class LimitTest : public StoreTest, public testing::WithParamInterface<Bytes> {};

TEST_P(LimitTest, holds_to_one_percent_and_evicts_no_more_than_it_must) {
  use_policy(GetParam());
  store_.set_memory_limit(kLimit);
  const size_t sizes[] = {1, 100, 1000, 20'000};
  for (int i = 0; i < 50'000; ++i) {
    const size_t size = sizes[random_.below(i % 1000 == 0 ? 4 : 3)];
    ASSERT_TRUE(put_within_limit(std::to_string(i), std::string(size, 'v'), kStartMs + 1000 + i));
    if (i % 500 != 0) continue;
    store_.settle_memory();
    // A single value may be above the limit until the next command.
    ASSERT_LE(store_.memory().used(), kLimit + kLimit / 100 + 20'480) << i;
  }
  EXPECT_GE(store_.memory().used(), kLimit * 97 / 100);
  EXPECT_EQ(store_.totals().evicted_keys, events_.keys.size());
  EXPECT_EQ(store_.totals().keys + events_.keys.size(), 50'000U);
  store_.validate();
}

INSTANTIATE_TEST_SUITE_P(Policies, LimitTest,
                         testing::Values("allkeys-lru", "allkeys-random", "volatile-lru",
                                         "volatile-random", "volatile-ttl"));

TEST_F(StoreTest, volatile_policies_leave_lasting_keys_alone) {
  for (const Bytes policy : {"volatile-lru", "volatile-random", "volatile-ttl"}) {
    use_policy(policy);
    store_.set_memory_limit(0);
    for (int i = 0; i < 1000; ++i) put("lasting" + std::to_string(i), std::string(1000, 'v'));
    for (int i = 0; i < 1000; ++i) put(std::to_string(i), std::string(1000, 'v'), kStartMs + 1000);
    store_.settle_memory();
    store_.set_memory_limit(store_.memory().used() - 500'000);
    EXPECT_TRUE(make_all_room()) << policy;
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(has("lasting" + std::to_string(i))) << policy;
    store_.set_memory_limit(1'000'000);
    EXPECT_FALSE(make_all_room()) << policy << " has nothing left to evict";
    EXPECT_EQ(store_.database_size(0).with_expiry, 0U);
  }
}

TEST_F(StoreTest, recency_keeps_what_is_used) {
  use_policy("allkeys-lru", 10);
  for (int i = 0; i < 4000; ++i) put(std::to_string(i), std::string(500, 'v'));
  now_ms_ += 60'000;
  for (int i = 0; i < 2000; ++i) touch(std::to_string(i));
  now_ms_ += 60'000;
  store_.settle_memory();
  store_.set_memory_limit(store_.memory().used() - 1000 * 550);
  ASSERT_TRUE(make_all_room());
  int used_and_evicted = 0;
  for (int i = 0; i < 2000; ++i) used_and_evicted += !has(std::to_string(i));
  EXPECT_LE(used_and_evicted, 20);
}

TEST_F(StoreTest, the_soonest_expiry_goes_first) {
  use_policy("volatile-ttl");
  for (int i = 0; i < 4000; ++i) {
    put(std::to_string(i), std::string(500, 'v'), kStartMs + 1000 + 10 * i);
  }
  store_.settle_memory();
  store_.set_memory_limit(store_.memory().used() - 400 * 550);
  ASSERT_TRUE(make_all_room());
  for (const std::string& key : events_.keys) EXPECT_LE(std::stoi(key), 800);
}

TEST_F(StoreTest, idle_times_are_told_to_a_quarter_of_a_second) {
  put("a", "v");
  const Key key = Key::of("a");
  Shard& shard = store_.shard_of(key.hash);
  MutexLock lock(shard.mutex);
  const Entry& entry = *shard.keyspace(0).find(key).entry();
  const auto idle_ms = store_.group_of(key.hash).idle_ms(entry, now_ms_ + 100'000);
  ASSERT_TRUE(idle_ms);
  EXPECT_NEAR(static_cast<double>(*idle_ms), 100'000, 256);
}

TEST(MemoryAccount, quanta_stay_below_half_a_percent_of_the_limit) {
  MemoryAccount account;
  for (const int64_t limit : {int64_t{1} << 20, int64_t{100} << 20, int64_t{64} << 30}) {
    for (const unsigned shards : {1U, 16U, 1024U}) {
      account.set_limit(limit, shards);
      EXPECT_LE(account.quantum() * shards, limit / 200);
      EXPECT_LE(account.quantum(), 64 * 1024);
    }
  }
}

TEST(EvictionPolicies, are_found_by_name) {
  for (const EvictionPolicyInfo& policy : eviction_policies()) {
    EXPECT_EQ(find_eviction_policy(policy.name), &policy);
  }
  EXPECT_EQ(find_eviction_policy("allkeys-magic"), nullptr);
}

}  // namespace
}  // namespace larder::store_test
