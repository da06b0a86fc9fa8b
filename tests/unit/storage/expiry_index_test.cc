#include "storage/expiry_index.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <map>
#include <vector>

#include "storage/slab.h"

namespace larder::expiry_index_test {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr int64_t kTickMs = 16;
constexpr int64_t kDayMs = 24 * 3600 * 1000;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// The index as its keyspace uses it: a reference taken before its time is put back.
class Wheel {
 public:
  void add(uint32_t place, int64_t expiry_ms) {
    index_.add(place, expiry_ms);
    due_.emplace(place, expiry_ms);
  }

  // Everything that is over at `now_ms`, as (place, expiry).
  std::vector<std::pair<uint32_t, int64_t>> fire(int64_t now_ms) {
    std::vector<std::pair<uint32_t, int64_t>> fired;
    uint32_t place = 0;
    while (index_.take(now_ms, place)) {
      const auto found = due_.find(place);
      if (found == due_.end()) continue;
      if (found->second > now_ms) {
        index_.add(place, found->second);
      } else {
        fired.emplace_back(*found);
        due_.erase(found);
      }
    }
    return fired;
  }

  int64_t earliest_ms() const {
    int64_t earliest = kNever;
    for (const auto& [place, expiry_ms] : due_) earliest = std::min(earliest, expiry_ms);
    return earliest;
  }

  const std::map<uint32_t, int64_t>& due() const { return due_; }
  ExpiryIndex& index() { return index_; }
  Slab& slab() { return slab_; }

 private:
  Slab slab_;
  ExpiryIndex index_{slab_, kStartMs};
  std::map<uint32_t, int64_t> due_;
};

TEST(ExpiryIndex, empty) {
  Wheel wheel;
  uint32_t place = 0;
  EXPECT_FALSE(wheel.index().take(kStartMs + kDayMs, place));
  EXPECT_FALSE(wheel.index().peek_random(12345, place));
  EXPECT_EQ(wheel.index().next_ms(), kNever);
}

TEST(ExpiryIndex, fires_within_a_tick_and_never_early) {
  const int64_t distances[] = {0,      1,           15,         16,          1000,
                               65'536, 3'600'000,   4'194'304,  10 * kDayMs, 300 * kDayMs,
                               kTickMs * 63, 3 * kDayMs + 1, 4000 * kDayMs};
  uint32_t place = 0;
  for (const int64_t distance : distances) {
    Wheel wheel;
    const int64_t expiry_ms = kStartMs + distance;
    wheel.add(++place, expiry_ms);
    EXPECT_TRUE(wheel.fire(expiry_ms - 1).empty()) << distance;
    // Once started, the index lies at the tick behind its start.
    const auto fired = wheel.fire(std::max(expiry_ms, kStartMs + kTickMs) + kTickMs);
    ASSERT_EQ(fired.size(), 1U) << distance;
    EXPECT_EQ(fired[0].first, place);
  }
}

TEST(ExpiryIndex, what_is_long_over_fires_at_once) {
  Wheel wheel;
  wheel.fire(kStartMs + 1000);
  wheel.add(1, 5);
  EXPECT_EQ(wheel.fire(kStartMs + 1000 + 2 * kTickMs).size(), 1U);
}

TEST(ExpiryIndex, a_long_sleep_loses_nothing) {
  Wheel wheel;
  for (uint32_t i = 0; i < 1000; ++i) wheel.add(i, kStartMs + int64_t{i} * i * 1000);
  EXPECT_EQ(wheel.fire(kStartMs + 20 * kDayMs).size(), 1000U);
  EXPECT_EQ(wheel.index().size(), 0U);
}

TEST(ExpiryIndex, references_cost_a_little_more_than_four_bytes) {
  Wheel wheel;
  constexpr uint32_t kCount = 100'000;
  for (uint32_t i = 0; i < kCount; ++i) wheel.index().add(i, kStartMs + 30'000 + i % 10'000);
  EXPECT_LE(wheel.slab().used_bytes(), kCount * 5U);
  uint32_t place = 0;
  while (wheel.index().take(kStartMs + kDayMs, place)) {
  }
  EXPECT_EQ(wheel.slab().used_bytes(), 0U);
}

// A computer without a battery starts in 1970 and is told the time later.
TEST(ExpiryIndex, a_clock_put_forward_by_decades_is_no_work) {
  Slab slab;
  ExpiryIndex index(slab, 0);
  index.add(1, 2 * kStartMs);
  uint32_t place = 0;
  for (int64_t now_ms = 0; now_ms < kStartMs; now_ms += kStartMs / 1000) {
    while (index.take(now_ms, place)) index.add(place, 2 * kStartMs);
  }
  EXPECT_EQ(index.size(), 1U);
}

TEST(ExpiryIndex, peeks_at_random_meet_everything) {
  Wheel wheel;
  for (uint32_t i = 0; i < 10; ++i) wheel.add(i, kStartMs + (int64_t{1} << (4 + 3 * i)));
  std::map<uint32_t, int> met;
  uint64_t random = 1;
  for (int i = 0; i < 5000; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    uint32_t place = 0;
    ASSERT_TRUE(wheel.index().peek_random(random, place));
    ++met[place];
  }
  EXPECT_EQ(met.size(), 10U);
}

struct Moment {
  uint32_t place;
  int64_t life_ms;   // what is added lives so long
  int64_t sleep_ms;  // before it is added
};
std::ostream& operator<<(std::ostream& out, const Moment& moment) {
  return out << moment.place << " lives " << moment.life_ms << " after " << moment.sleep_ms;
}

// Up to 2^36 ms, every magnitude as likely.
rc::Gen<int64_t> span_ms() {
  return rc::gen::mapcat(rc::gen::inRange(0, 37), [](int bits) {
    return rc::gen::inRange<int64_t>(0, (int64_t{1} << bits) + 1);
  });
}

RC_GTEST_PROP(ExpiryIndexProperty, everything_fires_in_its_tick, ()) {
  const auto moments = *rc::gen::container<std::vector<Moment>>(rc::gen::construct<Moment>(
      rc::gen::inRange<uint32_t>(0, 200), span_ms(),
      rc::gen::oneOf(rc::gen::just<int64_t>(0), rc::gen::inRange<int64_t>(0, 5000), span_ms())));
  Wheel wheel;
  int64_t now_ms = kStartMs + 2 * kTickMs;
  for (const Moment& moment : moments) {
    // What is said to be the next time is never too late.
    const int64_t next_ms = wheel.index().next_ms();
    RC_ASSERT(wheel.due().empty() || next_ms - kTickMs <= wheel.earliest_ms());
    now_ms += moment.sleep_ms;
    for (const auto& [place, expiry_ms] : wheel.fire(now_ms)) RC_ASSERT(expiry_ms <= now_ms);
    RC_ASSERT(wheel.earliest_ms() > now_ms - kTickMs);
    RC_ASSERT(wheel.index().size() >= wheel.due().size());
    if (wheel.due().count(moment.place) == 0) wheel.add(moment.place, now_ms + moment.life_ms);
  }
}

}  // namespace
}  // namespace larder::expiry_index_test
