#include "storage/score_tree.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/random.h"

namespace larder::score_tree_test {
namespace {

// A tree with the elements it refers to, and the same pairs in a std::set.
class Fixture {
 public:
  ~Fixture() {
    tree_.release_nodes();
    for (const Pair& pair : model_) Element::release(slab_, pair.element);
    EXPECT_EQ(slab_.used_bytes(), 0U);
  }

  void insert(double score, const std::string& member) {
    Element* element = Element::make(slab_, member);
    tree_.insert(score, element);
    model_.insert({score, member, element});
  }
  void remove(size_t index) {
    const auto at = std::next(model_.begin(), static_cast<ptrdiff_t>(index));
    tree_.remove(at->score, at->element);
    Element::release(slab_, at->element);
    model_.erase(at);
  }
  bool has(double score, const std::string& member) const {
    return model_.contains({score, member, nullptr});
  }
  size_t size() const { return model_.size(); }

  void check() const {
    tree_.validate();
    ASSERT_EQ(tree_.size(), model_.size());
    ScoreTree::Cursor at = tree_.at(0);
    size_t rank = 0;
    for (const Pair& pair : model_) {
      ASSERT_TRUE(at);
      ASSERT_EQ(at.element(), pair.element);
      ASSERT_EQ(at.score(), pair.score);
      ASSERT_EQ(tree_.rank_of(pair.score, pair.member), rank);
      ASSERT_EQ(tree_.at(rank).element(), pair.element);
      at.next();
      ++rank;
    }
    ASSERT_FALSE(at);
    ASSERT_FALSE(tree_.at(rank));
    check_backwards();
  }

  ScoreTree& tree() { return tree_; }
  Slab& slab() { return slab_; }

 private:
  struct Pair {
    double score;
    std::string member;
    Element* element;
    bool operator<(const Pair& other) const {
      return score < other.score || (score == other.score && member < other.member);
    }
  };

  void check_backwards() const {
    if (model_.empty()) return;
    ScoreTree::Cursor at = tree_.at(model_.size() - 1);
    for (auto pair = model_.rbegin(); pair != model_.rend(); ++pair) {
      ASSERT_EQ(at.element(), pair->element);
      at.previous();
    }
    ASSERT_FALSE(at);
  }

  Slab slab_;
  ScoreTree tree_{slab_};
  std::set<Pair> model_;
};

void change_at_random(Fixture& fixture, Random& random, uint64_t scores, unsigned removals) {
  if (fixture.size() > 0 && random.below(100) < removals) {
    return fixture.remove(random.below(fixture.size()));
  }
  const auto score = static_cast<double>(random.below(scores));
  const std::string member = "m" + std::to_string(random.below(100000));
  if (!fixture.has(score, member)) fixture.insert(score, member);
}

RC_GTEST_PROP(ScoreTree, follows_a_set, (uint64_t seed)) {
  Fixture fixture;
  Random random(seed);
  const uint64_t scores = 1 + random.below(300);
  for (int i = 0; i < 600; ++i) change_at_random(fixture, random, scores, 30);
  fixture.check();
  for (int i = 0; i < 600; ++i) change_at_random(fixture, random, scores, 80);
  fixture.check();
}

TEST(ScoreTree, grows_deep_and_shrinks_to_nothing) {
  Fixture fixture;
  Random random(1);
  for (int i = 0; i < 8000; ++i) change_at_random(fixture, random, 1000, 10);
  fixture.check();
  while (fixture.size() > 0) {
    fixture.remove(random.below(fixture.size()));
    if (fixture.size() % 2000 == 0) fixture.check();
  }
  EXPECT_EQ(fixture.tree().memory_bytes(), 0U);
}

TEST(ScoreTree, rising_scores_leave_full_leaves) {
  Fixture fixture;
  constexpr size_t kCount = 20000;
  for (size_t i = 0; i < kCount; ++i) fixture.insert(static_cast<double>(i), "m");
  fixture.check();
  EXPECT_LT(fixture.tree().memory_bytes(), kCount * 35 / 2);
}

TEST(ScoreTree, counts_what_is_before_a_bound) {
  Fixture fixture;
  for (int i = 0; i < 1000; ++i) fixture.insert(i / 10, "m" + std::to_string(i));
  const auto below = [&](double bound) {
    return fixture.tree().count_before(
        [bound](double score, const Element*) { return score < bound; });
  };
  EXPECT_EQ(below(-1), 0U);
  EXPECT_EQ(below(0), 0U);
  EXPECT_EQ(below(50), 500U);
  EXPECT_EQ(below(50.5), 510U);
  EXPECT_EQ(below(1e9), 1000U);
}

}  // namespace
}  // namespace larder::score_tree_test
