#include "storage/sorted_sets.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage/value.h"

namespace larder::sorted_sets_test {
namespace {

constexpr int64_t kNow = 1'000'000;

// One key of a keyspace, and the same set in a std::map.
class Fixture {
 public:
  explicit Fixture(SortedSetLimits limits = {}) : limits_(limits) {}

  void put(const std::string& member, double score) {
    SortedSetEditor set = editor();
    set.put(member, score);
    set.finish();
    model_[member] = score;
  }
  void remove(const std::string& member) {
    SortedSetEditor set = editor();
    EXPECT_EQ(set.remove(member), model_.erase(member) == 1);
    set.finish();
  }
  void remove(RankRange range) {
    SortedSetEditor set = editor();
    set.remove(range);
    set.finish();
    const auto members = in_order();
    for (size_t i = range.from; i < range.to; ++i) model_.erase(members[i].member);
  }
  std::vector<ScoredMember> in_order() const {
    std::vector<ScoredMember> members;
    for (const auto& [member, score] : model_) members.push_back({score, member});
    std::sort(members.begin(), members.end());
    return members;
  }
  SortedSetView view() { return SortedSetView(item()); }
  Item item() { return keys_.find(key_); }
  Bytes encoding() { return encoding_name(*item().entry()); }
  size_t size() const { return model_.size(); }
  Keyspace& keys() { return keys_; }
  const Key& key() const { return key_; }

  void check() {
    keys_.validate();
    const auto members = in_order();
    ASSERT_EQ(keys_.size(), members.empty() ? 0U : 1U);
    ASSERT_EQ(view().size(), members.size());
    std::vector<ScoredMember> seen;
    view().each([&](Bytes member, double score) { seen.push_back({score, std::string(member)}); });
    ASSERT_EQ(seen.size(), members.size());
    for (size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(seen[i].member, members[i].member);
      ASSERT_EQ(seen[i].score, members[i].score);
      ASSERT_EQ(view().rank_of(members[i].member), i);
      ASSERT_EQ(view().score_of(members[i].member), members[i].score);
    }
    check_backwards(members);
  }
  // A range of scores has the members that the model says.
  void check_range(const ScoreRange& range) {
    size_t count = 0;
    for (const auto& [member, score] : model_) {
      const bool low = range.min_open ? score > range.min : score >= range.min;
      const bool high = range.max_open ? score < range.max : score <= range.max;
      count += low && high ? 1 : 0;
    }
    ASSERT_EQ(view().ranks(range).count(), count);
  }

 private:
  SortedSetEditor editor() { return {keys_, key_, item(), limits_}; }
  void check_backwards(const std::vector<ScoredMember>& members) {
    size_t at = members.size();
    view().each({0, at}, true,
                [&](Bytes member, double) { ASSERT_EQ(member, members[--at].member); });
    ASSERT_EQ(at, 0U);
  }

  const SortedSetLimits limits_;
  ShardServices services_;
  Keyspace keys_{0, services_, kNow};
  Key key_ = Key::of("zset");
  std::map<std::string, double> model_;
};

double some_score(Random& random) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  const double scores[] = {0, -0.0, 1, 2, 100, -5, 1.5, 1e300, kInfinite, -kInfinite, 1e18, 7};
  return scores[random.below(std::size(scores))];
}

void change_at_random(Fixture& set, Random& random, uint64_t names) {
  // Half of the names are integers, which a pack keeps in another form.
  const std::string name = std::to_string(random.below(names));
  const std::string member = random.below(2) == 0 ? name : "m" + name;
  const uint64_t action = random.below(10);
  if (action < 6) return set.put(member, some_score(random));
  if (action < 9) return set.remove(member);
  const size_t from = random.below(set.size() + 1);
  const size_t to = from + random.below(std::min<uint64_t>(set.size() - from, 5) + 1);
  set.remove(RankRange{from, to});
}

RC_GTEST_PROP(SortedSets, follow_a_map, (uint64_t seed)) {
  Random random(seed);
  Fixture set({.members = random.below(40), .member_bytes = 64});
  for (int i = 0; i < 300; ++i) {
    change_at_random(set, random, 60);
    if (i % 50 == 0) set.check();
    set.check_range({.min = some_score(random),
                     .max = some_score(random),
                     .min_open = random.below(2) == 0,
                     .max_open = random.below(2) == 0});
  }
  set.check();
}

TEST(SortedSets, grow_into_an_object_at_either_limit) {
  Fixture many({.members = 3, .member_bytes = 8});
  for (const char* member : {"a", "b", "c"}) many.put(member, 1);
  many.put("a", 5);
  EXPECT_EQ(many.encoding(), "listpack");
  many.put("d", 1);
  EXPECT_EQ(many.encoding(), "skiplist");
  many.check();
  Fixture longer({.members = 3, .member_bytes = 8});
  longer.put("12345678", 1);
  EXPECT_EQ(longer.encoding(), "listpack");
  longer.put("123456789", 1);
  EXPECT_EQ(longer.encoding(), "skiplist");
  longer.check();
}

TEST(SortedSets, keep_the_expiry_of_their_key) {
  Fixture set({.members = 2, .member_bytes = 8});
  set.put("a", 1);
  set.keys().set_expiry(set.item(), kNow + 1000);
  for (const char* member : {"b", "c", "d"}) set.put(member, 1);
  EXPECT_EQ(set.encoding(), "skiplist");
  EXPECT_EQ(set.item()->expiry_ms(), kNow + 1000);
}

// Beyond Object::kSharedSlabElements it moves into a slab of its own, which goes with the key.
TEST(SortedSets, large_ones_have_their_own_slab) {
  Fixture set;
  const size_t before = set.keys().memory_bytes();
  for (size_t i = 0; i < 2 * Object::kSharedSlabElements; ++i) {
    set.put("member:" + std::to_string(i * 7919 % 100003), static_cast<double>(i % 1000));
  }
  set.check();
  set.remove(RankRange{0, set.size()});
  set.check();
  set.keys().services().garbage.clear();
  set.keys().trim();
  EXPECT_EQ(set.keys().memory_bytes(), before);
}

TEST(SortedSets, small_ones_know_no_negative_zero) {
  Fixture small;
  small.put("a", -0.0);
  EXPECT_FALSE(std::signbit(*small.view().score_of("a")));
}

TEST(SortedSets, big_ones_keep_the_sign_of_zero) {
  Fixture big({.members = 0, .member_bytes = 64});
  big.put("a", -0.0);
  EXPECT_EQ(big.encoding(), "skiplist");
  EXPECT_TRUE(std::signbit(*big.view().score_of("a")));
  big.view().each([](Bytes, double score) { EXPECT_TRUE(std::signbit(score)); });
}

TEST(SortedSets, ranges_of_names) {
  Fixture set;
  for (const char* member : {"a", "b", "c", "d", "10", "9"}) set.put(member, 0);
  using Kind = NameBound::Kind;
  const auto count = [&](const NameBound& min, const NameBound& max) {
    return set.view().ranks(NameRange{min, max}).count();
  };
  const NameBound lowest{.kind = Kind::lowest};
  const NameBound highest{.kind = Kind::highest};
  EXPECT_EQ(count(lowest, highest), 6U);
  EXPECT_EQ(count(highest, lowest), 0U);
  EXPECT_EQ(count({.name = "b"}, {.name = "c"}), 2U);
  EXPECT_EQ(count({.name = "b", .open = true}, {.name = "c"}), 1U);
  EXPECT_EQ(count({.name = "b"}, {.name = "c", .open = true}), 1U);
  EXPECT_EQ(count({.name = "c"}, {.name = "b"}), 0U);
  EXPECT_EQ(count(lowest, {.name = "a", .open = true}), 2U);
}

}  // namespace
}  // namespace larder::sorted_sets_test
