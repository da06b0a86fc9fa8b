#include "storage/set.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>

#include "storage/random_elements.h"
#include "storage/value.h"

namespace larder::set_test {
namespace {

constexpr SetLimits kSmall{16, {8, 12}};

class SetTest : public testing::Test {
 protected:
  Key key() const { return Key::of("s"); }
  Set open() { return Set(keys_, key(), keys_.find(key())); }
  Bytes form() { return encoding_name(*keys_.find(key()).entry()); }
  void clear() {
    if (open().exists()) open().clear();
  }
  void check_against(const std::set<std::string>& model) {
    const Set set = open();
    ASSERT_EQ(set.size(), model.size());
    ASSERT_EQ(set.exists(), !model.empty());
    std::set<std::string> seen;
    set.each([&](Bytes member) { ASSERT_TRUE(seen.insert(std::string(member)).second); });
    ASSERT_EQ(seen, model);
    keys_.validate();
  }

  ShardServices services_;
  Keyspace keys_{0, services_, 1'700'000'000'000};
};

TEST(IntegerRun, widens_for_what_does_not_fit) {
  EXPECT_EQ(IntegerRun::width_of(32767), 2U);
  EXPECT_EQ(IntegerRun::width_of(-32769), 4U);
  EXPECT_EQ(IntegerRun::width_of(int64_t{1} << 31), 8U);
  const std::string run = IntegerRun::make(-5);
  EXPECT_EQ(run.size(), 3U);
  const std::string wide = IntegerRun(run).widened(8);
  EXPECT_EQ(IntegerRun(wide).at(0), -5);
  EXPECT_TRUE(IntegerRun(wide).contains(-5));
  EXPECT_FALSE(IntegerRun(wide).contains(5));
}

TEST_F(SetTest, integers_stay_sorted_integers_up_to_the_limit) {
  for (int i = 16; i > 0; --i) EXPECT_TRUE(open().add(std::to_string(i * 1000), kSmall));
  EXPECT_EQ(form(), "intset");
  EXPECT_FALSE(open().add("5000", kSmall));
  EXPECT_EQ(open().at(0), "1000");
  EXPECT_EQ(open().at(15), "16000");
  open().add("7", kSmall);
  EXPECT_EQ(form(), "hashtable");
  EXPECT_EQ(open().size(), 17U);
}

TEST_F(SetTest, the_first_word_ends_the_integers) {
  open().add("1", kSmall);
  open().add("-70000", kSmall);
  open().add("x", kSmall);
  EXPECT_EQ(form(), "listpack");
  EXPECT_TRUE(open().contains("-70000"));
  EXPECT_FALSE(open().contains("01"));
  for (int i = 2; i < 10; ++i) open().add(std::to_string(i), kSmall);
  EXPECT_EQ(form(), "hashtable");
  clear();
  for (int i = 0; i < 9; ++i) open().add(std::to_string(i), kSmall);
  EXPECT_EQ(form(), "intset");
  open().add("x", kSmall);
  EXPECT_EQ(form(), "hashtable") << "ten members are more than a pack holds";
}

TEST_F(SetTest, one_long_member_makes_it_an_object) {
  open().add("a", kSmall);
  open().add(std::string(13, 'x'), kSmall);
  EXPECT_EQ(form(), "hashtable");
  clear();
  open().add("a", kSmall, 9);
  EXPECT_EQ(form(), "hashtable") << "nine are to come";
}

// Random changes against std::set: members of all kinds, from small to large and back.
TEST_F(SetTest, follows_a_set) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Random random(seed);
    std::set<std::string> model;
    const uint64_t names = seed % 2 == 0 ? 14 : 3000;
    const int steps = seed % 2 == 0 ? 1500 : 9000;
    for (int i = 0; i < steps; ++i) {
      std::string member = std::to_string(random.below(names));
      if (seed % 4 < 2 && random.below(50) == 0) member = "x" + member;
      if (random.below(100) == 0) member = "-" + std::to_string(random.next() >> 1);
      const uint64_t removals = i % 2000 < 1000 ? 4 : 1;  // grow, then shrink
      if (random.below(5) >= removals) {
        ASSERT_EQ(open().remove(member), model.erase(member) == 1);
      } else {
        ASSERT_EQ(open().add(member, kSmall), model.insert(member).second);
      }
      ASSERT_EQ(open().contains(member), model.contains(member));
      if (i % 5000 == 0 || (names < 100 && i % 50 == 0)) check_against(model);
    }
    check_against(model);
    clear();
    services_.garbage.clear();
  }
}

TEST_F(SetTest, samples_are_spread_evenly) {
  for (const int count : {7, 60, 700}) {
    for (int i = 0; i < count; ++i) open().add("m" + std::to_string(i), kSmall);
    Random random(static_cast<uint64_t>(count));
    double chi_square = 0;
    std::map<std::string, int> drawn;
    constexpr int kEach = 100;
    for (int i = 0; i < count * kEach; ++i) ++drawn[std::string(open().sample(random))];
    for (const auto& [name, times] : drawn) {
      chi_square += (times - kEach) * (times - kEach) / double{kEach};
    }
    EXPECT_EQ(drawn.size(), static_cast<size_t>(count));
    EXPECT_LT(chi_square, count + 5 * std::sqrt(2.0 * count)) << count;
    clear();
  }
}

TEST_F(SetTest, distinct_choices_are_even_and_without_repetition) {
  for (int i = 0; i < 300; ++i) open().add("m" + std::to_string(i), kSmall);
  Random random(5);
  for (const size_t wanted : {size_t{1}, size_t{30}, size_t{200}, size_t{300}, size_t{1000}}) {
    std::set<std::string> seen;
    visit_distinct(open().object().table(), wanted, random, [&](const Element& element) {
      EXPECT_TRUE(seen.insert(std::string(element.key())).second);
    });
    EXPECT_EQ(seen.size(), std::min<size_t>(wanted, 300));
  }
  Selection all(3, 3, random);
  EXPECT_TRUE(all.take() && all.take() && all.take());
  EXPECT_FALSE(all.take());
}

}  // namespace
}  // namespace larder::set_test
