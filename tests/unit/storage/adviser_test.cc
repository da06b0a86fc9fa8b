// What the adviser foretells, beside what happens.
#include "storage/eviction/adviser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "tests/support/aside_cache.h"

namespace larder::adviser_test {
namespace {

constexpr int64_t kMiB = 1024 * 1024;
constexpr size_t kReads = 1'000'000;
constexpr uint64_t kSeed = 0x9e3779b97f4a7c15;  // draws the sample; other tests leave others

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

class Cache {
 public:
  Cache(Bytes policy, int64_t limit_bytes, int64_t life_ms = 0)
      : cache_(policy, limit_bytes, life_ms) {
    seed_hash(kSeed);
  }

  Outcome replay(const std::vector<Read>& reads) {
    size_t hits = 0;
    for (const Read& each : reads)
      hits += cache_.read("key:" + std::to_string(each.key), each.bytes);
    return {static_cast<double>(hits) / static_cast<double>(reads.size()), cache_.advice()};
  }

 private:
  AsideCache cache_;
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
  for (const std::string policy : {"s3fifo", "lru", "arc", "sieve", "fifo", "adaptive", "gdsf",
                                   "lfu", "slru", "clock", "tlru", "wtinylfu", "random"}) {
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

// Read from an empty cache on, each key once and again.
size_t bytes_after_reading(int64_t limit_bytes, int64_t entries, bool sizes_differ) {
  Adviser adviser({}, "allkeys-lru");
  Random random(7);
  const StoreFacts facts{.reads = {}, .limit_bytes = limit_bytes, .fixed_bytes = 0};
  adviser.note(facts);
  adviser.set_capacity({.entries = entries, .bytes = limit_bytes});
  size_t worst = 0;
  for (int64_t i = 0; i < 16 * entries; ++i) {
    const auto place = static_cast<uint32_t>(random.next());
    if ((place & adviser.sample_mask()) == 0) {
      const uint32_t bytes = sizes_differ ? 1U << random.below(8) : 100;
      const Resident key{place, 0, Stamp(), bytes, kNoExpiry, i};
      adviser.read(key, false);
      adviser.put(key);
      adviser.read(key, true);
    }
    if (i % 1000 != 0) continue;
    adviser.set_capacity({.entries = entries, .bytes = limit_bytes});
    worst = std::max(worst, adviser.memory_bytes());
  }
  return worst;
}

TEST(Adviser, TakesLittleOfALimit) {
  EXPECT_LE(bytes_after_reading(1 * kMiB, 9'000, false), 1 * kMiB / 16);
  EXPECT_LE(bytes_after_reading(4 * kMiB, 38'000, false), 4 * kMiB / 20);
  EXPECT_LE(bytes_after_reading(4 * kMiB, 38'000, true), 4 * kMiB / 10);
  EXPECT_LE(bytes_after_reading(250 * kMiB, 2'400'000, false), 250 * kMiB / 1000);
}

}  // namespace
}  // namespace larder::adviser_test
