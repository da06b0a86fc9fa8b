#include "storage/keyspace.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "storage/events.h"
#include "storage/strings.h"

namespace larder::keyspace_test {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class Expired : public StoreEvents {
 public:
  void expired(unsigned db, Bytes key) override { keys.emplace_back(db, key); }
  void evicted(unsigned, Bytes) override {}
  void added(unsigned, Bytes) override {}

  std::vector<std::pair<unsigned, std::string>> keys;
};

class KeyspaceTest : public testing::Test {
 protected:
  KeyspaceTest() { services_.events = &events_; }

  Item find(const std::string& name) { return keyspace_.find(Key::of(name)); }
  void put(const std::string& name, Bytes value, int64_t expiry_ms = kNoExpiry) {
    put_string(keyspace_, Key::of(name), find(name), value, expiry_ms);
  }
  void remove(const std::string& name) { keyspace_.remove(find(name)); }
  void expire_until(int64_t now_ms) {
    while (keyspace_.expire_step(now_ms, 100)) {
    }
  }

  Expired events_;
  ShardServices services_;
  Keyspace keyspace_{3, services_, kStartMs};
};

TEST_F(KeyspaceTest, finds_what_is_over_only_until_somebody_looks) {
  put("a", "v", kStartMs + 1000);
  EXPECT_TRUE(keyspace_.find_live(Key::of("a"), kStartMs + 999));
  EXPECT_TRUE(find("a"));
  EXPECT_FALSE(keyspace_.find_live(Key::of("a"), kStartMs + 1000));
  EXPECT_FALSE(find("a"));
  EXPECT_EQ(services_.expired_keys, 1U);
  ASSERT_EQ(events_.keys.size(), 1U);
  EXPECT_EQ(events_.keys[0], std::make_pair(3U, std::string("a")));
  EXPECT_EQ(keyspace_.volatile_count(), 0U);
}

TEST_F(KeyspaceTest, removes_what_is_due_without_being_asked) {
  for (int i = 0; i < 1000; ++i) put(std::to_string(i), "v", kStartMs + 10 * i);
  for (int i = 0; i < 1000; ++i) put("lasting" + std::to_string(i), "v");
  EXPECT_LE(keyspace_.next_expiry_ms(), kStartMs + 16);
  expire_until(kStartMs + 5000);
  EXPECT_NEAR(static_cast<double>(keyspace_.volatile_count()), 499, 2);
  expire_until(kStartMs + 10'016);
  EXPECT_EQ(keyspace_.size(), 1000U);
  EXPECT_EQ(services_.expired_keys, 1000U);
  EXPECT_EQ(keyspace_.next_expiry_ms(), kNever);
  keyspace_.validate();
}

TEST_F(KeyspaceTest, an_expiry_may_move_both_ways_and_go) {
  put("later", "v", kStartMs + 100);
  keyspace_.set_expiry(find("later"), kStartMs + 100'000);
  put("sooner", "v", kStartMs + 100'000);
  keyspace_.set_expiry(find("sooner"), kStartMs + 100);
  put("never", "v", kStartMs + 100);
  keyspace_.set_expiry(find("never"), kNoExpiry);
  put("far", "v", kStartMs + 100);
  keyspace_.set_expiry(find("far"), INT64_MAX);
  expire_until(kStartMs + 1000);
  EXPECT_TRUE(find("later"));
  EXPECT_FALSE(find("sooner"));
  EXPECT_TRUE(find("never"));
  EXPECT_TRUE(find("far"));
  expire_until(kStartMs + 100'100);
  EXPECT_FALSE(find("later"));
  keyspace_.validate();
}

TEST_F(KeyspaceTest, a_step_visits_no_more_than_its_budget) {
  for (int i = 0; i < 100; ++i) put(std::to_string(i), "v", kStartMs + 20);
  EXPECT_TRUE(keyspace_.expire_step(kStartMs + 1000, 10));
  EXPECT_EQ(keyspace_.size(), 90U);
  EXPECT_FALSE(keyspace_.expire_step(kStartMs + 1000, 1000));
  EXPECT_EQ(keyspace_.size(), 0U);
}

// Each earlier time needs a new reference; the old ones must not pile up.
TEST_F(KeyspaceTest, dead_references_are_swept) {
  put("a", "v", kStartMs + 100'000'000);
  put("b", "v", kStartMs + 50'000);
  for (int i = 1; i <= 100'000; ++i) {
    keyspace_.set_expiry(find("a"), kStartMs + 100'000'000 - i * 10);
    if (i % 100 == 0) expire_until(kStartMs);
  }
  EXPECT_LE(keyspace_.memory_bytes(), 100'000U);
  expire_until(kStartMs + 50'016);
  EXPECT_FALSE(find("b"));
  EXPECT_TRUE(find("a"));
  expire_until(kStartMs + 99'000'016);
  EXPECT_FALSE(find("a"));
  keyspace_.validate();
}

TEST_F(KeyspaceTest, memory_returns_when_keys_go) {
  keyspace_.trim();
  const size_t empty_bytes = keyspace_.memory_bytes();
  for (int i = 0; i < 20'000; ++i) {
    put(std::to_string(i), std::string(static_cast<size_t>(i) % 500, 'v'), kStartMs + 1000);
  }
  put("blob", std::string(2 * kBlobBytesMin, 'v'), kStartMs + 1000);
  EXPECT_GE(keyspace_.memory_bytes(), empty_bytes + 20'000 * 270);
  EXPECT_GE(keyspace_.memory_of(find("blob")), 2 * kBlobBytesMin);
  expire_until(kStartMs + 2000);
  keyspace_.trim();
  EXPECT_LE(keyspace_.memory_bytes(), empty_bytes + 1024);
}

TEST_F(KeyspaceTest, moves_a_value_to_another_key_and_database) {
  Keyspace other(4, services_, kStartMs);
  for (const std::string& value : {std::string("small"), std::string(2 * kBlobBytesMin, 'b')}) {
    put("from", value, kStartMs + 1000);
    const Item moved = Keyspace::move_value(keyspace_, find("from"), other, Key::of("longer name"));
    IntegerText scratch;
    EXPECT_EQ(string_bytes(*moved.entry(), scratch), value);
    EXPECT_EQ(moved->expiry_ms(), kStartMs + 1000);
    EXPECT_FALSE(find("from"));
    keyspace_.validate();
    other.validate();
    other.remove(moved);
  }
  EXPECT_EQ(keyspace_.volatile_count() + other.volatile_count(), 0U);
}

TEST_F(KeyspaceTest, moves_a_value_within_itself_while_the_table_splits) {
  for (int i = 0; i < 5000; ++i) {
    put("from", std::to_string(i) + "!");
    const std::string name = "to" + std::to_string(i);
    Keyspace::move_value(keyspace_, find("from"), keyspace_, Key::of(name));
    ASSERT_TRUE(find(name));
    ASSERT_FALSE(find("from"));
  }
  keyspace_.validate();
}

TEST_F(KeyspaceTest, candidates_for_eviction_have_an_expiry) {
  for (int i = 0; i < 2000; ++i) put("lasting" + std::to_string(i), "v");
  EXPECT_FALSE(keyspace_.volatile_candidate(1));
  for (int i = 0; i < 10; ++i) put(std::to_string(i), "v", kStartMs + 1000 * (i + 1));
  for (uint64_t i = 0; i < 1000; ++i) {
    const Item item = keyspace_.volatile_candidate(i * 0x9e3779b97f4a7c15);
    ASSERT_TRUE(item);
    ASSERT_NE(item->expiry_ms(), kNoExpiry);
  }
}

TEST_F(KeyspaceTest, finds_the_only_key_with_an_expiry) {
  for (int i = 0; i < 20'000; ++i) put("lasting" + std::to_string(i), "v");
  EXPECT_FALSE(keyspace_.seek_volatile(1));
  put("pinned", "v", kStartMs + 1000);
  keyspace_.set_sticky(find("pinned"), true);
  EXPECT_FALSE(keyspace_.seek_volatile(1));
  put("soon", "v", kStartMs + 1000);
  for (uint64_t i = 0; i < 20; ++i) {
    const Item item = keyspace_.seek_volatile(i * 0x9e3779b97f4a7c15);
    ASSERT_TRUE(item);
    ASSERT_EQ(item->key(), "soon");
  }
}

TEST_F(KeyspaceTest, entries_are_moved_out_of_pages_full_of_holes) {
  constexpr int kKeys = 40'000;
  for (int i = 0; i < kKeys; ++i) put("key" + std::to_string(i), std::to_string(i) + "-value");
  put("blob", std::string(2 * kBlobBytesMin, 'b'), kStartMs + 1000);
  EXPECT_FALSE(keyspace_.compact_step()) << "there is nothing to gain";
  for (int i = 0; i < kKeys; ++i) {
    if (i % 8 != 0) remove("key" + std::to_string(i));
  }
  const size_t before = keyspace_.slab().page_bytes();
  int steps = 0;
  while (keyspace_.compact_step()) ASSERT_LT(++steps, 10'000);
  EXPECT_LT(keyspace_.slab().page_bytes(), before / 5);
  keyspace_.validate();
  IntegerText scratch;
  for (int i = 0; i < kKeys; i += 8) {
    const Item item = find("key" + std::to_string(i));
    ASSERT_TRUE(item);
    ASSERT_EQ(string_bytes(*item.entry(), scratch), std::to_string(i) + "-value");
  }
  EXPECT_EQ(find("blob")->expiry_ms(), kStartMs + 1000);
}

// What a key is in the model.
struct Value {
  std::string text;
  int64_t expiry_ms = kNoExpiry;
};

struct Act {
  int kind;
  int key;
  int64_t number;
};
std::ostream& operator<<(std::ostream& out, const Act& act) {
  return out << act.kind << " " << act.key << " " << act.number;
}

class ModelTest : public KeyspaceTest {
 protected:
  void act(const Act& act) {
    const std::string name = "key" + std::to_string(act.key);
    const std::string other = "key" + std::to_string(act.number % 50);
    const int64_t expiry_ms = act.number % 3 == 0 ? kNoExpiry : now_ms_ + act.number;
    switch (act.kind) {
      case 0: put_both(name, std::string(static_cast<size_t>(act.number) % 700, 'v'), expiry_ms);
        break;
      case 1: put_both(name, std::to_string(act.number), expiry_ms); break;
      case 2:
        if (model_.erase(name) > 0) remove(name);
        break;
      case 3:
        if (model_.count(name) == 0) break;
        model_[name].expiry_ms = expiry_ms;
        keyspace_.set_expiry(find(name), expiry_ms);
        break;
      case 4: move(name, other); break;
      default: pass(act.number / 4); break;
    }
  }

  void check() {
    keyspace_.validate();
    RC_ASSERT(keyspace_.size() == model_.size());
    for (const auto& [name, value] : model_) {
      const Item item = find(name);
      RC_ASSERT(static_cast<bool>(item));
      IntegerText scratch;
      RC_ASSERT(string_bytes(*item.entry(), scratch) == value.text);
      RC_ASSERT(item->expiry_ms() == value.expiry_ms);
    }
  }

 private:
  void put_both(const std::string& name, const std::string& text, int64_t expiry_ms) {
    put(name, text, expiry_ms);
    model_[name] = {text, expiry_ms};
  }

  void move(const std::string& from, const std::string& to) {
    if (model_.count(from) == 0 || from == to) return;
    if (model_.erase(to) > 0) remove(to);
    Keyspace::move_value(keyspace_, find(from), keyspace_, Key::of(to));
    model_[to] = model_[from];
    model_.erase(from);
  }

  // Time passes; what fires within its tick may be gone or not, so both look at it.
  void pass(int64_t ms) {
    now_ms_ += ms;
    expire_until(now_ms_);
    for (auto each = model_.begin(); each != model_.end();) {
      const int64_t expiry_ms = each->second.expiry_ms;
      const bool over = expiry_ms != kNoExpiry && expiry_ms <= now_ms_;
      if (over) keyspace_.find_live(Key::of(each->first), now_ms_);
      each = over ? model_.erase(each) : std::next(each);
    }
  }

  int64_t now_ms_ = kStartMs;
  std::map<std::string, Value> model_;
};

RC_GTEST_FIXTURE_PROP(ModelTest, behaves_as_a_map, ()) {
  const auto acts = *rc::gen::container<std::vector<Act>>(
      rc::gen::construct<Act>(rc::gen::inRange(0, 6), rc::gen::inRange(0, 50),
                              rc::gen::inRange<int64_t>(0, 100'000)));
  for (const Act& each : acts) {
    act(each);
    check();
  }
}

}  // namespace
}  // namespace larder::keyspace_test
