// Every policy by the same rules: the limit is held, victims are real and allowed, nothing leaks.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage/events.h"
#include "storage/eviction/ghost.h"
#include "storage/eviction/model_cache.h"
#include "storage/eviction/recency_queue.h"
#include "storage/eviction/trial_tally.h"
#include "storage/eviction/zeroed_array.h"
#include "storage/store.h"
#include "storage/strings.h"

namespace larder::eviction_test {
namespace {

constexpr int64_t kLimit = 2 * 1024 * 1024;

class Events : public StoreEvents {
 public:
  void expired(unsigned, Bytes) override {}
  void evicted(unsigned, Bytes key) override { evicted_keys.emplace_back(key); }
  void added(unsigned, Bytes) override {}
  std::vector<std::string> evicted_keys;
};

// A store driven as the dispatcher does it.
class Driver {
 public:
  explicit Driver(Bytes policy, unsigned shard_bits = 4)
      : store_({.shard_bits = shard_bits, .events = &events_}) {
    store_.set_memory_limit(kLimit);
    use_policy(policy);
  }

  void use_policy(Bytes name) { store_.set_eviction_policy(*find_eviction_policy(name), {}); }
  bool make_room() { return store_.make_room(now_ms_, random_.next()); }
  // A limit that was lowered is reached in steps.
  bool make_all_room() {
    do {
      if (!make_room()) return false;
    } while (store_.memory().over_limit());
    return true;
  }

  void set(const std::string& name, size_t bytes, int64_t expiry_ms = kNoExpiry) {
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    MutexLock lock(shard.mutex);
    shard.services.now_ms = now_ms_;
    Keyspace& keys = shard.keyspace(0);
    const EntryShape shape{.encoding = Encoding::raw,
                           .key_bytes = name.size(),
                           .payload_bytes = bytes,
                           .expiry_ms = expiry_ms};
    const Item item = keys.find(key);
    item ? keys.reshape(item, shape) : keys.add(key, shape);
    shard.settle_memory(store_.memory());
  }
  void put_large(const std::string& name, int64_t expiry_ms) {
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    MutexLock lock(shard.mutex);
    shard.services.now_ms = now_ms_;
    Keyspace& keys = shard.keyspace(0);
    put_string(keys, key, keys.find(key), std::string(20'000 + random_.below(20'000), 'v'),
               expiry_ms);
    shard.settle_memory(store_.memory());
  }
  bool get(const std::string& name) {
    return with(name, [](Keyspace& keys, Item item) { keys.touch(item); });
  }
  bool remove(const std::string& name) {
    return with(name, [](Keyspace& keys, Item item) { keys.remove(item); });
  }
  bool stick(const std::string& name) {
    return with(name, [](Keyspace& keys, Item item) { keys.set_sticky(item, true); });
  }
  bool expire(const std::string& name, int64_t expiry_ms) {
    return with(name, [&](Keyspace& keys, Item item) { keys.set_expiry(item, expiry_ms); });
  }
  std::optional<int64_t> idle_ms(const std::string& name) {
    std::optional<int64_t> idle_ms;
    with(name, [&](Keyspace& keys, Item item) {
      idle_ms = keys.services().eviction->idle_ms(*item.entry(), now_ms_);
    });
    return idle_ms;
  }
  bool has(const std::string& name) {
    return with(name, [](Keyspace&, Item) {});
  }
  // A key as it comes from a file.
  void set_recalled(const std::string& name, int64_t expiry_ms, const EntryUse& use) {
    const auto recall = [&](const EntryUse* of) {
      Shard& shard = store_.shard_of(Key::of(name).hash);
      MutexLock lock(shard.mutex);
      shard.services.recalled = of;
    };
    recall(use.known() ? &use : nullptr);
    set(name, 10, expiry_ms);
    recall(nullptr);
  }
  EntryUse use_of(const std::string& name) {
    EntryUse use;
    with(name, [&](Keyspace& keys, Item item) {
      use = keys.services().eviction->use_of(*item.entry(), now_ms_);
    });
    return use;
  }
  void tend() {
    now_ms_ += 100;
    store_.tend_eviction(0, 1, now_ms_);
  }

  Store& store() { return store_; }
  Events& events() { return events_; }
  Random& random() { return random_; }
  int64_t now_ms() const { return now_ms_; }

 private:
  template <typename Act>
  bool with(const std::string& name, Act act) {
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    MutexLock lock(shard.mutex);
    shard.services.now_ms = now_ms_;
    Keyspace& keys = shard.keyspace(0);
    const Item item = keys.find(key);
    if (item) act(keys, item);
    shard.settle_memory(store_.memory());
    return static_cast<bool>(item);
  }

  Events events_;
  Store store_;
  Random random_{42};
  int64_t now_ms_ = 1'700'000'000'000;
};

class EveryPolicy : public testing::TestWithParam<std::string> {
 protected:
  bool evicts() const { return GetParam() != "noeviction"; }
  bool volatile_only() const { return GetParam().starts_with("volatile-"); }
};

TEST_P(EveryPolicy, HoldsTheLimitUnderRandomOperations) {
  if (!evicts()) return;
  Driver driver(GetParam());
  Random& random = driver.random();
  for (int i = 0; i < 30'000; ++i) {
    const std::string name = "key" + std::to_string(random.below(random.below(20'000) + 1));
    ASSERT_TRUE(driver.make_room());
    ASSERT_LE(driver.store().memory().used(), kLimit + kLimit / 100);
    switch (random.below(8)) {
      case 0:
        driver.remove(name);
        break;
      case 1:
        driver.expire(name, driver.now_ms() + 1'000'000);
        break;
      case 2:
      case 3:
        driver.get(name);
        break;
      default:
        driver.set(name, 10 + random.below(600), driver.now_ms() + 1'000'000);
    }
    if (i % 500 == 0) driver.tend();
  }
  driver.store().validate();
  EXPECT_GT(driver.store().totals().evicted_keys, 0U);
}

TEST_P(EveryPolicy, EvictsOnlyWhatIsThereAndVolatileWhereAsked) {
  if (!evicts()) return;
  Driver driver(GetParam());
  for (int i = 0; i < 1'000; ++i) driver.set("forever" + std::to_string(i), 100);
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(driver.make_room());
    driver.set("soon" + std::to_string(i), 100, driver.now_ms() + 1'000'000);
  }
  const std::set<std::string> once(driver.events().evicted_keys.begin(),
                                   driver.events().evicted_keys.end());
  EXPECT_EQ(once.size(), driver.events().evicted_keys.size()) << "evicted twice";
  for (const std::string& key : once) {
    ASSERT_FALSE(driver.has(key));
    ASSERT_TRUE(!volatile_only() || key.starts_with("soon"));
  }
}

TEST_P(EveryPolicy, SaysSoWhenNothingMayGo) {
  Driver driver(GetParam());
  int count = 0;
  while (!driver.store().memory().over_limit()) {
    const std::string name = "key" + std::to_string(count++);
    driver.set(name, 1'000, driver.now_ms() + 1'000'000);
    driver.stick(name);
  }
  EXPECT_FALSE(driver.make_room());
  for (int i = 0; i < count; ++i) ASSERT_TRUE(driver.has("key" + std::to_string(i)));
}

TEST_P(EveryPolicy, SaysSoOfALoweredLimitOnManyShards) {
  Driver driver(GetParam(), 8);
  driver.set("key", 1'000, driver.now_ms() + 1'000'000);
  driver.stick("key");
  driver.store().settle_memory();
  driver.store().set_memory_limit(1);
  EXPECT_FALSE(driver.make_room());
  driver.store().set_memory_limit(0);
  EXPECT_TRUE(driver.make_room());
}

TEST_P(EveryPolicy, TakesOverWhatAnotherPolicyLeft) {
  Driver driver("noeviction");
  for (int i = 0; i < 3'000; ++i) {
    driver.set("key" + std::to_string(i), 500, driver.now_ms() + 1'000'000);
  }
  driver.use_policy("allkeys-sieve");
  driver.tend();
  driver.use_policy(GetParam());
  if (!evicts()) return;
  driver.store().set_memory_limit(kLimit / 2);
  EXPECT_TRUE(driver.make_all_room());
  EXPECT_LE(driver.store().memory().used(), kLimit / 2);
  driver.store().set_memory_limit(1);
  driver.make_all_room();
  EXPECT_EQ(driver.store().database_size(0).keys, 0U) << "entries that no policy ever meets";
}

TEST_P(EveryPolicy, MeetsWhatWasQueuedThreePoliciesAgo) {
  if (!evicts()) return;
  Driver driver("allkeys-fifo");
  for (int i = 0; i < 3'000; ++i) {
    driver.set("key" + std::to_string(i), 500, driver.now_ms() + 1'000'000);
  }
  for (const char* policy : {"allkeys-clock", "volatile-sieve"}) driver.use_policy(policy);
  driver.use_policy(GetParam());
  driver.store().set_memory_limit(1);
  driver.make_all_room();
  EXPECT_EQ(driver.store().database_size(0).keys, 0U);
}

// One key in many shards may go; policies that sample have to come by.
TEST_P(EveryPolicy, FindsTheOnlyVictim) {
  if (!evicts()) return;
  Driver driver(GetParam(), 6);
  driver.store().set_memory_limit(0);
  for (int i = 0; i < 20'000 && volatile_only(); ++i) {
    driver.set("forever" + std::to_string(i), 20);
  }
  for (int i = 0; i < 40; ++i) {
    const std::string name = "victim" + std::to_string(i);
    driver.set(name, 100'000, driver.now_ms() + 1'000'000);
    driver.store().settle_memory();
    driver.store().set_memory_limit(driver.store().memory().used() - 50'000);
    ASSERT_TRUE(driver.make_all_room()) << i;
    ASSERT_FALSE(driver.has(name));
  }
}

TEST_P(EveryPolicy, TellsHowLongKeysInNoQueueAreIdle) {
  Driver driver("allkeys-fifo");
  const int64_t expiry_ms = driver.now_ms() + 1'000'000'000;
  driver.set("pinned", 10, expiry_ms);
  driver.set("lasting", 10);
  driver.tend();
  driver.use_policy(GetParam());
  for (int i = 0; i < 100; ++i) driver.tend();
  driver.stick("pinned");
  for (const char* name : {"pinned", "lasting"}) {
    driver.get(name);
    for (int i = 0; i < 100; ++i) driver.tend();
    const std::optional<int64_t> idle_ms = driver.idle_ms(name);
    if (!idle_ms) continue;  // of a policy that can't tell
    EXPECT_NEAR(static_cast<double>(*idle_ms), 10'000, 1'300) << name;
  }
}

TEST_P(EveryPolicy, ForgetsRemovedEntries) {
  Driver driver(GetParam());
  for (int i = 0; i < 200'000; ++i) {
    const std::string name = "key" + std::to_string(i % 500);
    driver.set(name, 10, driver.now_ms() + 1'000'000);
    driver.remove(name);
    if (i % 1000 == 0) driver.tend();
  }
  driver.tend();
  // A few thousand dead references may wait; some hundred thousand may not.
  EXPECT_LT(driver.store().group(0).memory_bytes(), 256U * 1024);
}

// Values outside of their entries come, and are overwritten, while samples are taken of all uses.
TEST_P(EveryPolicy, TakesLargeValues) {
  Driver driver(GetParam());
  for (int i = 0; i < 3'000; ++i) {
    driver.put_large("key" + std::to_string(driver.random().below(150)),
                     driver.now_ms() + 1'000'000);
    if (evicts()) {
      ASSERT_TRUE(driver.make_room());
    }
    if (i % 100 == 0) driver.tend();
  }
  driver.store().validate();
}

TEST_P(EveryPolicy, KeepsUsesOverARestart) {
  constexpr int kKeys = 2'000;
  Driver before(GetParam());
  const int64_t expiry_ms = before.now_ms() + 1'000'000'000;
  const auto name = [](uint64_t i) { return "key" + std::to_string(i); };
  for (uint64_t i = 0; i < kKeys; ++i) before.set(name(i), 10, expiry_ms);
  for (int i = 0; i < 20'000; ++i) {
    before.get(name(before.random().below(before.random().below(kKeys) + 1)));
    if (i % 10 == 0) before.tend();
  }
  Driver after(GetParam());
  while (after.now_ms() < before.now_ms()) after.tend();
  for (uint64_t i = kKeys; i-- > 0;) {
    after.set_recalled(name(i), expiry_ms, before.use_of(name(i)));
  }
  for (uint64_t i = 0; i < kKeys; ++i) {
    const EntryUse was = before.use_of(name(i));
    const EntryUse is = after.use_of(name(i));
    ASSERT_EQ(was.known(), evicts());
    ASSERT_EQ(is.frequency, was.frequency) << name(i);
    ASSERT_NEAR(static_cast<double>(is.idle_seconds), static_cast<double>(was.idle_seconds),
                1.5 + 0.02 * static_cast<double>(was.idle_seconds));
  }
  for (uint64_t i = 0; i < kKeys; ++i) {  // life goes on
    after.put_large(name(kKeys + i), expiry_ms);
    if (evicts()) {
      ASSERT_TRUE(after.make_room());
    }
  }
  after.store().validate();
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const EvictionPolicyInfo& policy : eviction_policies()) names.emplace_back(policy.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Policies, EveryPolicy, testing::ValuesIn(names()), [](const auto& test) {
  std::string name = test.param;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

TEST(EvictionOrder, LruEvictsTheOldestUse) {
  ModelCache cache(find_policy_maker("lru")({}), {.objects = 10});
  for (uint32_t i = 0; i < 10; ++i) cache.put({.place = i}, 0);
  EXPECT_TRUE(cache.use({.place = 0}, 0));
  cache.put({.place = 10}, 0);
  EXPECT_TRUE(cache.contains({.place = 0}));
  EXPECT_FALSE(cache.contains({.place = 1}));
}

TEST(EvictionOrder, LfuCountsUsesOfKeysThatWereQueuedBefore) {
  Driver driver("allkeys-s3fifo");
  for (const char* name : {"met", "used"}) driver.set(name, 10);
  driver.use_policy("allkeys-lfu");
  for (int i = 0; i < 100; ++i) driver.get("used");
  EXPECT_GT(driver.use_of("used").frequency, EntryUse::kNewFrequency);
  for (int i = 0; i < 20; ++i) driver.tend();
  EXPECT_EQ(driver.use_of("met").frequency, EntryUse::kNewFrequency);
}

// All keys get the same life: what was written first expires first.
TEST(EvictionOrder, TtlEvictsTheSoonest) {
  Driver driver("volatile-ttl");
  driver.store().set_memory_limit(0);
  constexpr int kKeys = 6'000;
  for (int i = 0; i < kKeys; ++i) {
    driver.set(std::to_string(i), 200, driver.now_ms() + 7'200'000);
    driver.tend();
  }
  driver.store().settle_memory();
  driver.store().set_memory_limit(driver.store().memory().used() - 2'000 * 250);
  ASSERT_TRUE(driver.make_all_room());
  const auto& evicted = driver.events().evicted_keys;
  ASSERT_GT(evicted.size(), 1'500U);
  // Ten keys a second, and a slot is 128 units of 1024 ms wide.
  for (const std::string& key : evicted) {
    ASSERT_LT(std::stoul(key), evicted.size() + 1'400) << "of " << evicted.size();
  }
}

TEST(EvictionOrder, TtlFollowsLivesThatChange) {
  Driver driver("volatile-ttl");
  driver.store().set_memory_limit(0);
  const int64_t now_ms = driver.now_ms();
  for (int i = 0; i < 100; ++i) {
    driver.set("day" + std::to_string(i), 200, now_ms + 86'400'000);
    driver.set("hour" + std::to_string(i), 200, now_ms + 3'600'000);
  }
  for (int i = 0; i < 50; ++i) {
    driver.expire("day" + std::to_string(i), now_ms + 60'000);
    driver.expire("hour" + std::to_string(i), now_ms + 2 * 86'400'000);
  }
  driver.store().settle_memory();
  driver.store().set_memory_limit(driver.store().memory().used() - 75 * 200);
  ASSERT_TRUE(driver.make_all_room());
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(driver.has("day" + std::to_string(i)));
    EXPECT_TRUE(driver.has("hour" + std::to_string(i)));
    EXPECT_TRUE(driver.has("day" + std::to_string(50 + i)));
  }
}

TEST(EvictionOrder, GdsfPrefersSmallObjects) {
  ModelCache cache(find_policy_maker("gdsf")({}), {.bytes = 10'000});
  for (uint32_t i = 0; i < 50; ++i) cache.put({.place = i, .bytes = 100}, 0);
  cache.put({.place = 100, .bytes = 4'000}, 0);
  cache.put({.place = 101, .bytes = 2'000}, 0);
  EXPECT_FALSE(cache.contains({.place = 100}));
  EXPECT_EQ(cache.objects(), 51);
}

TEST(ZeroedArray, IsZeroAtAnySize) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{8191}, size_t{8192}, size_t{1'000'000}}) {
    ZeroedArray<uint64_t> array(size);
    EXPECT_EQ(static_cast<size_t>(std::count(array.begin(), array.end(), 0U)), size);
    for (uint64_t& each : array) each = 7;
    ZeroedArray<uint64_t> other(std::span<const uint64_t>(array.begin(), array.size()));
    array = ZeroedArray<uint64_t>(size / 2);
    EXPECT_EQ(array.bytes(), size / 2 * 8);
    EXPECT_EQ(static_cast<size_t>(std::count(array.begin(), array.end(), 0U)), size / 2);
    EXPECT_EQ(static_cast<size_t>(std::count(other.begin(), other.end(), 7U)), size);
  }
}

TEST(Ghost, IsTheSameAfterARestart) {
  Ghost ghost;
  Random random(5);
  ghost.resize(10'000);
  std::vector<uint64_t> hashes;
  for (int i = 0; i < 9'000; ++i) ghost.add(hashes.emplace_back(random.next()));
  Ghost other;
  constexpr size_t kPieceBytes = 4096;
  for (size_t i = 0; !ghost.piece(i, kPieceBytes).empty(); ++i) {
    EXPECT_EQ(other.size(), 0U) << "half of it is nothing";
    other.add_piece(ghost.piece(i, kPieceBytes));
  }
  EXPECT_EQ(other.size(), ghost.size());
  for (const uint64_t hash : hashes) ASSERT_EQ(other.contains(hash), ghost.contains(hash));
}

// Ghosts, targets and sketches, in pieces.
TEST(Policies, WhatWasLearnedIsTheSameAfterARestart) {
  for (const auto& [name, pieces_min] :
       {std::pair{"s3fifo", 1U}, {"wtinylfu", 2U}, {"arc", 3U}, {"adaptive", 2U}}) {
    ModelCache cache(find_policy_maker(name)({}), {.objects = 1'000});
    Random random(11);
    for (int i = 0; i < 50'000; ++i) {
      const uint64_t key = Random(random.below(1 + random.below(20'000))).next();
      const ModelCache::Object object{.place = static_cast<uint32_t>(key)};
      if (!cache.use(object, i)) cache.put(object, i);
    }
    const auto heir = find_policy_maker(name)({});
    std::vector<std::string> pieces;
    for (size_t i = 0; !cache.policy().learned(i).empty(); ++i)
      heir->learn(pieces.emplace_back(cache.policy().learned(i)));
    EXPECT_GE(pieces.size(), pieces_min) << name;
    for (size_t i = 0; i < pieces.size(); ++i) EXPECT_EQ(heir->learned(i), pieces[i]) << name;
    heir->learn("sketch: ");
    heir->learn("arc once: nonsense of more than sixteen bytes");
    heir->learn("arc target: -5");
    EXPECT_EQ(heir->learned(pieces.size() - 1), pieces.back()) << name;
  }
}

TEST(Ghost, NonsenseIsPassedOver) {
  Ghost ghost;
  ghost.add_piece("short");
  ghost.add_piece(std::string(16, '\xff') + std::string(160, 'x'));
  ghost.add_piece(std::string(8, '\xff') + std::string(8, '\0') + std::string(160, 'x'));
  EXPECT_EQ(ghost.size(), 0U);
}

TEST(Generations, ThePastHasAnOrder) {
  constexpr int64_t kNow = 1'700'000'000'000;
  Generations generations;
  int64_t last_ms = kNow;
  for (const int64_t idle_s : {0, 1, 2, 10, 299, 400, 3'600, 86'400, 900'000}) {
    const uint32_t found = generations.of(kNow - idle_s * 1000, kNow);
    const int64_t began_ms = generations.began_ms(found);
    EXPECT_LE(began_ms, last_ms);
    EXPECT_NEAR(static_cast<double>(kNow - began_ms) / 1000, static_cast<double>(idle_s),
                1 + 0.02 * static_cast<double>(idle_s));
    last_ms = began_ms;
  }
}

TEST(Adaptive, KeepsItsSettingOverARestart) {
  const auto policy = find_policy_maker("adaptive")({});
  policy->learn("setting in force: small queue 10%, 2 uses to enter main");
  EXPECT_EQ(policy->setting(), "small queue 10%, 2 uses to enter main");
  const auto heir = find_policy_maker("adaptive")({});
  heir->learn(policy->learned(0));
  EXPECT_EQ(heir->setting(), policy->setting());
  heir->learn("setting in force: none there is");
  EXPECT_EQ(heir->setting(), policy->setting());
}

constexpr TrialTally::Rules kRules{.fade = 1, .margin = 0.01, .doubt = 2};

// One of these is not enough to be sure, two are.
TrialCounts half_sure() {
  TrialCounts turn(2);
  turn.weight = 100;
  turn.hits = {50, 53};
  turn.difference(0, 1) = turn.difference(1, 0) = 3;
  return turn;
}

TEST(TrialTally, GroupsDecideTogether) {
  const TrialCounts turn = half_sure();
  TrialTally alone(2, 1);
  EXPECT_FALSE(alone.add(turn, kRules).changed);
  TrialTally both(2, 2);
  EXPECT_FALSE(both.add(turn, kRules).changed);
  const TrialTally::Verdict verdict = both.add(turn, kRules);
  EXPECT_TRUE(verdict.changed);
  EXPECT_EQ(verdict.chosen, 1U);
  EXPECT_EQ(both.chosen(), 1U);
  EXPECT_DOUBLE_EQ(verdict.hit_ratio, 0.53);
  EXPECT_DOUBLE_EQ(verdict.hit_ratio_before, 0.5);
}

TEST(TrialTally, ForgetsWhenTrialsBeginAnew) {
  const TrialCounts turn = half_sure();
  TrialTally tally(2, 1);
  EXPECT_FALSE(tally.add(turn, kRules).changed);
  tally.forget();
  EXPECT_FALSE(tally.add(turn, kRules).changed);
  EXPECT_TRUE(tally.add(turn, kRules).changed);
}

TEST(Adaptive, LeavesASettingThatIsNotTriedAnyMore) {
  ModelCache cache(find_policy_maker("adaptive")({}), {.objects = 1'000});
  cache.policy().learn("setting in force: recency only");
  EXPECT_EQ(cache.policy().setting(), "recency only");
  Random random(9);
  const auto put_some = [&](int count, uint32_t bytes) {
    for (int i = 0; i < count; ++i) {
      const auto place = static_cast<uint32_t>(random.next());
      if (!cache.use({.place = place, .bytes = bytes << (i & 3)}, i))
        cache.put({.place = place, .bytes = bytes << (i & 3)}, i);
    }
  };
  put_some(1'000, 1);
  cache.set_limit({.objects = 4'000, .bytes = 1'000'000});
  EXPECT_EQ(cache.policy().setting(), "small queue 50%, 1 use to enter main");
  put_some(10'000, 100);
}

// Beside few and small entries, trials must not take much; beside large ones more is free.
TEST(Adaptive, TrialsTakeWhatTheCacheCanPay) {
  const auto bytes_beside = [](uint32_t bytes) {
    ModelCache cache(find_policy_maker("adaptive")({}), {.objects = 4'000, .bytes = 1LL << 40});
    Random random(9);
    for (int i = 0; i < 20'000; ++i) {
      if (i == 100) cache.set_limit({.objects = 1'000, .bytes = 1LL << 40});
      if (i == 200) cache.set_limit({.objects = 4'000, .bytes = 1LL << 40});
      cache.put({.place = static_cast<uint32_t>(random.next()), .bytes = bytes}, i);
    }
    return cache.policy().memory_bytes();
  };
  EXPECT_LT(bytes_beside(100), 80'000U);
  EXPECT_GT(bytes_beside(10'000), bytes_beside(100));
}

TEST(ModelCache, objects_get_sizes_and_expiries_later) {
  ModelCache cache(find_policy_maker("fifo")({}), {.objects = 100});
  for (uint32_t i = 0; i < 80; ++i) cache.put({.place = i * 977}, 0);
  cache.put({.place = 1, .bytes = 50}, 0);
  cache.put({.place = 2, .bytes = 7, .expiry_ms = 5'000}, 0);
  EXPECT_EQ(cache.bytes(), 80 + 50 + 7);
  EXPECT_TRUE(cache.use({.place = 2}, 4'000));
  EXPECT_FALSE(cache.use({.place = 2}, 5'000));
  cache.remove({.place = 1});
  EXPECT_EQ(cache.bytes(), 80);
  EXPECT_EQ(cache.objects(), 80);
}

// Popular keys, a few at a time out of many: what was popular is not for long.
TEST(Adaptive, changes_its_settings_and_says_why) {
  ModelCache cache(find_policy_maker("adaptive")({}), {.objects = 1'000});
  EXPECT_EQ(cache.policy().setting(), "small queue 50%, 1 use to enter main");
  Random random(3);
  uint32_t cold = 1;
  for (int i = 0; i < 400'000; ++i) {
    // Half of the reads are of 900 keys that stay popular, half of keys asked for once.
    const bool hot = random.below(2) == 0;
    const uint64_t mixed = Random(hot ? random.below(900) : 1'000 + cold++).next();
    const ModelCache::Object object{.place = static_cast<uint32_t>(mixed),
                                    .home = static_cast<uint8_t>(mixed >> 60)};
    if (!cache.use(object, i)) cache.put(object, i);
  }
  EXPECT_GT(cache.policy().changes(), 0U);
  ASSERT_FALSE(cache.policy().history().empty());
  EXPECT_EQ(cache.policy().history().back().to, cache.policy().setting());
  EXPECT_NE(cache.policy().history().back().because.find("hit ratio of a sample"),
            std::string::npos);
}

}  // namespace
}  // namespace larder::eviction_test
