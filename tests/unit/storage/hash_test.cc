#include "storage/hash.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "storage/events.h"
#include "storage/value.h"

namespace larder::hash_test {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr PackLimits kSmall{8, 16};

struct Value {
  std::string value;
  int64_t expiry_ms = kNoExpiry;
};
using Model = std::map<std::string, Value>;

class Told : public StoreEvents {
 public:
  void expired(unsigned, Bytes) override {}
  void evicted(unsigned, Bytes) override {}
  void added(unsigned, Bytes) override {}
  void fields_expired(unsigned, Bytes, std::span<const std::string>, bool emptied) override {
    ++times;
    if (emptied) ++keys_gone;
  }
  int times = 0;
  int keys_gone = 0;
};

class HashTest : public testing::Test {
 protected:
  HashTest() { services_.events = &told_; }

  Key key() const { return Key::of("h"); }
  Hash open() { return Hash(keys_, key(), keys_.find(key()), now_ms_); }
  Bytes form() { return encoding_name(*keys_.find(key()).entry()); }
  void pass(int64_t ms) {
    now_ms_ += ms;
    while (keys_.expire_step(now_ms_, 100)) {
    }
  }
  void check_against(const Model& model) {
    const Hash hash = open();
    ASSERT_EQ(hash.size(), model.size());
    ASSERT_EQ(hash.exists(), !model.empty());
    std::set<std::string> seen;
    hash.each([&](const HashField& field) {
      ASSERT_TRUE(seen.insert(std::string(field.name)).second);
      const Value& value = model.at(std::string(field.name));
      ASSERT_EQ(field.value, value.value);
      ASSERT_EQ(field.expiry_ms, value.expiry_ms);
    });
    ASSERT_EQ(seen.size(), model.size());
    keys_.validate();
  }

  Told told_;
  ShardServices services_;
  int64_t now_ms_ = kStartMs;
  Keyspace keys_{0, services_, kStartMs};
};

TEST_F(HashTest, becomes_an_object_at_its_limits_and_stays_one) {
  for (int i = 0; i < 8; ++i) open().put("f" + std::to_string(i), "v", kSmall);
  EXPECT_EQ(form(), "listpack");
  open().put("f0", std::string(16, 'x'), kSmall);
  EXPECT_EQ(form(), "listpack");
  open().put("one more", "v", kSmall);
  EXPECT_EQ(form(), "hashtable");
  EXPECT_EQ(open().size(), 9U);
  for (int i = 1; i < 8; ++i) EXPECT_TRUE(open().remove("f" + std::to_string(i)));
  EXPECT_EQ(form(), "hashtable");
  EXPECT_TRUE(open().remove("f0"));
  EXPECT_TRUE(open().remove("one more"));
  EXPECT_FALSE(open().exists());
}

TEST_F(HashTest, one_long_value_makes_it_an_object) {
  open().put("a", "1", kSmall);
  open().put("b", std::string(17, 'x'), kSmall);
  EXPECT_EQ(form(), "hashtable");
  EXPECT_EQ(open().find("a")->value, "1");
  EXPECT_EQ(open().find("b")->value.size(), 17U);
}

TEST_F(HashTest, takes_many_at_once_and_the_last_value_of_a_name) {
  const std::vector<Bytes> pairs{"a", "1", "b", "2", "a", "3", "c", "4"};
  EXPECT_EQ(open().put_all(pairs, kSmall), 3U);
  EXPECT_EQ(form(), "listpack");
  EXPECT_EQ(open().at(0)->name, "a");
  EXPECT_EQ(open().find("a")->value, "3");
  EXPECT_EQ(open().put_all(pairs, kSmall), 0U);
  open().remove("a"), open().remove("b"), open().remove("c");
  EXPECT_EQ(open().put_all(pairs, {3, 16}), 3U);
  EXPECT_EQ(open().size(), 3U);
  open().remove("a"), open().remove("b"), open().remove("c");
  EXPECT_EQ(open().put_all(pairs, {4, 0}), 3U);
  EXPECT_EQ(form(), "hashtable");
}

TEST_F(HashTest, times_take_a_form_of_their_own) {
  open().put("a", "1", kSmall);
  open().set_expiry("a", now_ms_ + 100);
  EXPECT_EQ(form(), "listpackex");
  open().put("b", "2", kSmall);
  pass(50);
  EXPECT_EQ(open().size(), 2U);
  pass(100);
  EXPECT_EQ(open().size(), 1U);
  EXPECT_EQ(told_.times, 1);
  EXPECT_EQ(services_.expired_fields, 1U);
  EXPECT_TRUE(open().find("b"));
}

TEST_F(HashTest, a_due_field_is_missing_before_it_is_removed) {
  open().put("a", "1", kSmall, now_ms_ + 10);
  open().put("b", "1", kSmall);
  now_ms_ += 10;
  EXPECT_FALSE(open().find("a"));
  EXPECT_FALSE(open().remove("a"));
  open().put("c", "1", kSmall, now_ms_ + 10);
  now_ms_ += 10;
  EXPECT_TRUE(open().put("c", "2", kSmall)) << "a field that was due is new";
  EXPECT_EQ(open().find("c")->expiry_ms, kNoExpiry);
}

// More were due than went when the hash was looked at: one that is changed is told of first.
TEST_F(HashTest, a_due_field_of_a_big_hash_is_told_of_before_it_changes) {
  for (int i = 0; i < 20; ++i) open().put("f" + std::to_string(i), "1", kSmall, now_ms_ + 40);
  now_ms_ += 40;
  EXPECT_TRUE(open().put("f7", "5", kSmall));
  EXPECT_EQ(told_.times, 1);
  EXPECT_FALSE(open().remove("f8"));
  EXPECT_EQ(told_.times, 2);
  EXPECT_EQ(services_.expired_fields, 2U);
  EXPECT_TRUE(open().remove("f7"));
  EXPECT_EQ(told_.times, 2);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(open().remove("f" + std::to_string(i)));
  EXPECT_EQ(told_.keys_gone, 1);
  EXPECT_FALSE(open().exists());
}

TEST_F(HashTest, the_last_field_that_is_due_makes_way_for_a_new_hash) {
  for (int i = 0; i < 20; ++i) open().put("f" + std::to_string(i), "1", kSmall, now_ms_ + 40);
  for (int i = 1; i < 20; ++i) open().remove("f" + std::to_string(i));
  now_ms_ += 40;
  EXPECT_TRUE(open().put("f0", "2", kSmall));
  EXPECT_EQ(told_.keys_gone, 1);
  EXPECT_EQ(form(), "listpack");
  EXPECT_EQ(open().find("f0")->value, "2");
}

TEST_F(HashTest, the_key_goes_with_its_last_field) {
  for (const int count : {3, 100}) {
    for (int i = 0; i < count; ++i) {
      open().put("f" + std::to_string(i), "v", kSmall, now_ms_ + 100 + i);
    }
    pass(150);
    EXPECT_EQ(open().exists(), count > 50);
    pass(100);
    EXPECT_FALSE(keys_.find(key()));
    EXPECT_EQ(keys_.size(), 0U);
  }
  EXPECT_EQ(told_.keys_gone, 2);
}

TEST_F(HashTest, many_fields_go_at_a_stroke_of_bounded_size) {
  for (int i = 0; i < 20000; ++i) {
    open().put("f" + std::to_string(i), "v", kSmall, now_ms_ + 100);
  }
  now_ms_ += 200;
  EXPECT_TRUE(keys_.expire_step(now_ms_, 100));
  EXPECT_GT(open().size(), 19000U);
  pass(0);
  EXPECT_FALSE(open().exists());
}

TEST_F(HashTest, times_survive_rename_and_copy) {
  for (const int count : {3, 100}) {
    for (int i = 0; i < count; ++i) open().put("f" + std::to_string(i), "v", kSmall, now_ms_ + 99);
    keys_.copy_value(*keys_.find(key()).entry(), Key::of("copy"), {});
    Keyspace::move_value(keys_, keys_.find(key()), keys_, Key::of("moved"));
    EXPECT_EQ(keys_.size(), 2U);
    pass(150);
    EXPECT_EQ(keys_.size(), 0U);
  }
}

TEST_F(HashTest, the_expiry_of_the_key_stays) {
  open().put("a", "1", kSmall);
  keys_.set_expiry(keys_.find(key()), now_ms_ + 1000);
  open().set_expiry("a", now_ms_ + 5000);
  open().put("b", std::string(100, 'x'), kSmall);
  EXPECT_EQ(keys_.find(key())->expiry_ms(), now_ms_ + 1000);
  pass(1100);
  EXPECT_EQ(keys_.size(), 0U);
}

// Random changes, times and passing time against std::map; from small to large and back.
TEST_F(HashTest, follows_a_map) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    Random random(seed);
    Model model;
    const uint64_t names = seed % 2 == 0 ? 12 : 4000;
    const PackLimits limits = seed % 3 == 0 ? PackLimits{100, 64} : kSmall;
    const int steps = seed % 2 == 0 ? 1500 : 9000;
    for (int i = 0; i < steps; ++i) {
      const std::string name = std::to_string(random.below(names));
      const std::string value(random.below(20), 'v');
      // Clock and times are half a tick of the index apart, so that it is exact.
      const int64_t expiry_ms = now_ms_ + 8 + 16 * static_cast<int64_t>(random.below(300));
      const bool there = model.contains(name);
      switch (random.below(8)) {
        case 0:
          ASSERT_EQ(open().remove(name), there);
          model.erase(name);
          break;
        case 1:
          ASSERT_EQ(open().put(name, value, limits, expiry_ms), !there);
          model[name] = {value, expiry_ms};
          break;
        case 2:
          if (!there) break;
          model[name].expiry_ms = random.below(3) == 0 ? kNoExpiry : expiry_ms;
          open().set_expiry(name, model[name].expiry_ms);
          break;
        case 3:
          if (random.below(20) != 0) break;
          pass(16 * static_cast<int64_t>(random.below(4)));
          if (keys_.find(key())) keys_.drop_due_fields(keys_.find(key()), now_ms_, 1 << 20);
          std::erase_if(model, [&](const auto& each) {
            const int64_t ms = each.second.expiry_ms;
            return ms != kNoExpiry && ms <= now_ms_;
          });
          break;
        default:
          ASSERT_EQ(open().put(name, value, limits), !there);
          model[name] = {value, kNoExpiry};
      }
      const auto found = open().find(name);
      ASSERT_EQ(found.has_value(), model.contains(name)) << "seed " << seed << " step " << i;
      if (found) {
        ASSERT_EQ(found->value, model[name].value);
      }
      if (i % 5000 == 0 || (names < 100 && i % 50 == 0)) check_against(model);
    }
    if (keys_.find(key())) keys_.remove(keys_.find(key()));
    services_.garbage.clear();
    EXPECT_EQ(keys_.size(), 0U);
  }
}

TEST_F(HashTest, samples_are_spread_evenly) {
  for (const int count : {8, 50}) {
    for (int i = 0; i < count; ++i) open().put(std::to_string(i), "v", kSmall);
    Random random(static_cast<uint64_t>(count));
    std::map<std::string, int> drawn;
    for (int i = 0; i < count * 400; ++i) ++drawn[std::string(open().sample(random)->name)];
    EXPECT_EQ(drawn.size(), static_cast<size_t>(count));
    for (const auto& [name, times] : drawn) EXPECT_NEAR(times, 400, 120) << name;
  }
}

}  // namespace
}  // namespace larder::hash_test
