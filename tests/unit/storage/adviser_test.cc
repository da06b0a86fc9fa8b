// What the adviser foretells, beside what happens.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage/eviction/adviser.h"
#include "storage/eviction/registry.h"
#include "storage/store.h"
#include "storage/strings.h"

namespace larder {
namespace {

constexpr int64_t kMiB = 1024 * 1024;
constexpr int64_t kTickMs = 100;
constexpr unsigned kReadsPerTick = 1000;
constexpr size_t kReads = 1'000'000;

struct Read {
  unsigned key = 0;
  unsigned bytes = 0;  // of its value
};

// The harmonic law of popularity: key k is read 1/k times as often as the first.
std::vector<Read> popular_keys(size_t reads, unsigned keys, unsigned bytes) {
  Random random(7);
  std::vector<Read> all;
  const double span = std::log(keys);
  for (size_t i = 0; i < reads; ++i) {
    const double share = static_cast<double>(random.below(1U << 30)) / (1U << 30);
    all.push_back({static_cast<unsigned>(std::exp(span * share)), bytes});
  }
  return all;
}

struct Outcome {
  double hit_ratio = 0;
  EvictionAdvice advice;

  double estimate(Bytes policy, double factor) const {
    for (const Estimate& each : advice.estimates) {
      if (each.policy == policy && each.factor == factor) return each.hit_ratio;
    }
    ADD_FAILURE() << policy << " at " << factor;
    return 0;
  }
};

// Reads cache-aside, as a client would.
class Cache {
 public:
  Cache(Bytes policy, int64_t limit_bytes, int64_t life_ms = 0)
      : store_({.shard_bits = 4}), life_ms_(life_ms) {
    store_.set_memory_limit(limit_bytes);
    store_.set_eviction_policy(*find_eviction_policy(policy), {});
  }

  Outcome replay(const std::vector<Read>& reads) {
    size_t hits = 0;
    for (size_t i = 0; i < reads.size(); ++i) {
      if (i % kReadsPerTick == 0) store_.tend_eviction(0, 1, now_ms_ += kTickMs);
      hits += read(reads[i]);
    }
    return {static_cast<double>(hits) / static_cast<double>(reads.size()), store_.advice()};
  }

 private:
  bool read(const Read& read) {
    const std::string name = "key:" + std::to_string(read.key);
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    {
      MutexLock lock(shard.mutex);
      shard.services.now_ms = now_ms_;
      Keyspace& keys = shard.keyspace(0);
      if (const Item item = keys.find_live(key, now_ms_)) {
        keys.touch(item);
        return true;
      }
      keys.missed(key);
    }
    (void)store_.make_room(now_ms_, random_.next());
    MutexLock lock(shard.mutex);
    Keyspace& keys = shard.keyspace(0);
    const int64_t expiry_ms = life_ms_ == 0 ? kNoExpiry : now_ms_ + life_ms_;
    put_string(keys, key, keys.find(key), std::string(read.bytes, 'v'), expiry_ms);
    shard.settle_memory(store_.memory());
    return false;
  }

  Store store_;
  Random random_{7};
  const int64_t life_ms_;  // of every key; 0: for ever
  int64_t now_ms_ = 1000;
};

// A few keys take a fourth of the reads, so a sample of one in 128 has them or has not.
TEST(Adviser, KnowsOtherSizesFromASmallSample) {
  const std::vector<Read> reads = popular_keys(kReads, 60'000, 64);
  std::map<int64_t, Outcome> at;
  for (const int64_t mib : {2, 4, 8}) at[mib] = Cache("allkeys-s3fifo", mib * kMiB).replay(reads);
  for (const auto& [mib, now] : at) {
    EXPECT_LT(now.advice.sampled_reads, static_cast<double>(reads.size()) / 64);
    for (const auto& [other, then] : at) {
      const double factor = static_cast<double>(other) / static_cast<double>(mib);
      EXPECT_NEAR(now.estimate("s3fifo", factor), then.hit_ratio, 0.02)
          << "of " << other << " MiB, asked at " << mib;
    }
  }
}

TEST(Adviser, KnowsOtherPolicies) {
  const std::vector<Read> reads = popular_keys(kReads, 60'000, 64);
  const Outcome now = Cache("allkeys-lru", 2 * kMiB).replay(reads);
  for (const std::string policy :
       {"s3fifo", "lru", "arc", "sieve", "fifo", "adaptive", "gdsf", "lfu", "slru", "clock", "tlru",
        "wtinylfu", "random"}) {
    const Outcome then = Cache("allkeys-" + policy, 2 * kMiB).replay(reads);
    const double off_max = policy == "random" ? 0.04 : 0.02;  // luck weighs more in a small cache
    EXPECT_NEAR(now.estimate(policy, 1), then.hit_ratio, off_max) << policy;
  }
}

TEST(Adviser, KnowsThatKeysEnd) {
  const std::vector<Read> reads = popular_keys(kReads, 60'000, 64);
  const int64_t life_ms = 5000;  // 50,000 reads
  const Outcome now = Cache("allkeys-s3fifo", 2 * kMiB, life_ms).replay(reads);
  const Outcome then = Cache("allkeys-s3fifo", 4 * kMiB, life_ms).replay(reads);
  EXPECT_NEAR(now.estimate("s3fifo", 1), now.hit_ratio, 0.02);
  EXPECT_NEAR(now.estimate("s3fifo", 2), then.hit_ratio, 0.02);
}

// One value in a thousand takes the place of a thousand others: what there is room for wavers, and
// the estimates do not begin anew each time.
TEST(Adviser, GoesOnWhenALargeValueComes) {
  std::vector<Read> reads = popular_keys(300'000, 60'000, 64);
  for (Read& read : reads) {
    if (read.key % 1000 == 999) read.bytes = 300'000;
  }
  const Outcome now = Cache("allkeys-s3fifo", 2 * kMiB).replay(reads);
  EXPECT_GT(now.advice.sampled_reads, 1000);
}

}  // namespace
}  // namespace larder
