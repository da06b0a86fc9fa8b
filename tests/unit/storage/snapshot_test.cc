#include "storage/snapshot.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <thread>

#include "base/random.h"
#include "storage/hash.h"
#include "storage/rdb/value_store.h"
#include "storage/strings.h"

namespace larder::snapshot_test {
namespace {

using Model = std::map<std::pair<unsigned, std::string>, std::string>;

// Stores strings and tells the snapshot as the dispatcher does.
class SnapshotTest : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& value, unsigned db = 0) {
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    MutexLock lock(shard.mutex);
    Keyspace& keys = shard.keyspace(db);
    const Item item = keys.find(key);
    if (item && shard.services.snapshot != nullptr) {
      shard.services.snapshot->before_change(keys, item.entry());
    }
    put_string(keys, key, item, value, kNoExpiry);
    model_[{db, name}] = value;
  }
  void remove(const std::string& name, unsigned db = 0) {
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    MutexLock lock(shard.mutex);
    Keyspace& keys = shard.keyspace(db);
    if (const Item item = keys.find(key)) keys.remove(item);
    model_.erase({db, name});
  }
  void add_to_set(const std::string& name, const std::string& member) {
    const Key key = Key::of(name);
    Shard& shard = store_.shard_of(key.hash);
    MutexLock lock(shard.mutex);
    Keyspace& keys = shard.keyspace(0);
    const Item item = keys.find(key);
    if (item && shard.services.snapshot != nullptr) {
      shard.services.snapshot->before_change(keys, item.entry());
    }
    Set(keys, key, item).add(member, {16, {8, 32}});
  }
  void flush() NO_THREAD_SAFETY_ANALYSIS {
    for (unsigned i = 0; i < store_.shard_count(); ++i) store_.shard(i).mutex.lock();
    store_.flush_locked(Store::kAllDatabases);
    for (unsigned i = 0; i < store_.shard_count(); ++i) store_.shard(i).mutex.unlock();
    model_.clear();
  }
  void reveal() NO_THREAD_SAFETY_ANALYSIS {
    for (unsigned i = 0; i < store_.shard_count(); ++i) store_.shard(i).mutex.lock();
    store_.reveal_locked();
    for (unsigned i = 0; i < store_.shard_count(); ++i) store_.shard(i).mutex.unlock();
  }
  void swap(unsigned a, unsigned b) NO_THREAD_SAFETY_ANALYSIS {
    for (unsigned i = 0; i < store_.shard_count(); ++i) store_.shard(i).mutex.lock();
    store_.swap_databases_locked(a, b);
    for (unsigned i = 0; i < store_.shard_count(); ++i) store_.shard(i).mutex.unlock();
  }

  // What a file says, strings only; a set is told by its number of members.
  static Model read(const std::string& file) {
    BytesSource source(file);
    RdbNews news;
    RdbFileReader reader(source, news, true);
    RdbArena arena;
    RdbKey key;
    Model model;
    while (reader.next(arena, key)) {
      const bool is_new = model
                              .emplace(std::pair{key.db, std::string(key.name)},
                                       key.value.type == Type::string
                                           ? std::string(key.value.string)
                                           : "set of " + std::to_string(key.value.items.size()))
                              .second;
      EXPECT_TRUE(is_new) << key.name << " twice";
    }
    EXPECT_EQ(reader.error(), "");
    return model;
  }
  static bool write(StoreSnapshot& snapshot, std::string& file) {
    BytesSink sink(file);
    RdbFileWriter out(sink, true);
    out.begin(snapshot.version(), {});
    const bool whole = snapshot.write_keys(out);
    return out.finish() && whole;
  }

  Store store_{{.shard_bits = 2, .databases = 4}};
  Model model_;
};

TEST_F(SnapshotTest, has_what_was_there_and_not_what_came_later) {
  for (int i = 0; i < 5000; ++i) put("key" + std::to_string(i), std::to_string(i), i % 3);
  put("big", std::string(100'000, 'x'));
  const Model wanted = model_;
  auto snapshot = StoreSnapshot::begin(store_, {});
  ASSERT_NE(snapshot, nullptr);
  EXPECT_EQ(snapshot->keys_total(), wanted.size());
  EXPECT_EQ(StoreSnapshot::begin(store_, {}), nullptr) << "one at a time";
  for (int i = 0; i < 5000; i += 2) put("key" + std::to_string(i), "changed", i % 3);
  for (int i = 1; i < 5000; i += 4) remove("key" + std::to_string(i), i % 3);
  for (int i = 0; i < 1000; ++i) put("new" + std::to_string(i), "new");
  put("big", "small");
  std::string file;
  ASSERT_TRUE(write(*snapshot, file));
  EXPECT_EQ(read(file), wanted);
  EXPECT_EQ(snapshot->keys_written(), wanted.size());
  snapshot.reset();
  store_.validate();
  // The next one is as good: every entry carries its shard's bit again.
  auto next = StoreSnapshot::begin(store_, {});
  ASSERT_NE(next, nullptr);
  std::string second;
  ASSERT_TRUE(write(*next, second));
  EXPECT_EQ(read(second), model_);
}

TEST_F(SnapshotTest, flushed_and_swapped_databases_are_written_as_they_were) {
  for (int i = 0; i < 3000; ++i) put("key" + std::to_string(i), "v", i % 3);
  const Model wanted = model_;
  auto snapshot = StoreSnapshot::begin(store_, {});
  swap(0, 2);
  for (int i = 0; i < 3000; i += 5) put("key" + std::to_string(i), "w", i % 3);
  flush();
  put("key1", "after");
  std::string file;
  ASSERT_TRUE(write(*snapshot, file));
  EXPECT_EQ(read(file), wanted);
}

TEST_F(SnapshotTest, hidden_data_is_not_written_even_when_it_is_revealed_meanwhile) {
  for (int i = 0; i < 1000; ++i) put("key" + std::to_string(i), "old", i % 3);
  const Model wanted = model_;
  model_.clear();
  for (int i = 0; i < 1000; ++i) put("key" + std::to_string(i), "new", store_.hidden(i % 2));
  auto snapshot = StoreSnapshot::begin(store_, {});
  EXPECT_EQ(snapshot->keys_total(), 1000U);
  reveal();
  Model revealed;
  for (const auto& [place, value] : model_) revealed[{place.first - 4, place.second}] = value;
  model_ = revealed;
  for (int i = 0; i < 1000; i += 3) put("key" + std::to_string(i), "changed", i % 2);
  std::string file;
  ASSERT_TRUE(write(*snapshot, file));
  EXPECT_EQ(read(file), wanted);
  snapshot.reset();
  auto next = StoreSnapshot::begin(store_, {});
  std::string second;
  ASSERT_TRUE(write(*next, second));
  EXPECT_EQ(read(second), model_);
}

TEST_F(SnapshotTest, one_that_is_given_up_leaves_nothing_behind) {
  for (int i = 0; i < 3000; ++i) put("key" + std::to_string(i), "v");
  for (const bool begun : {false, true}) {
    auto snapshot = StoreSnapshot::begin(store_, {});
    put("key1", "w");
    snapshot->cancel();
    std::string file;
    if (begun) {
      EXPECT_FALSE(write(*snapshot, file));
    }
  }
  auto snapshot = StoreSnapshot::begin(store_, {});
  std::string file;
  ASSERT_TRUE(write(*snapshot, file));
  EXPECT_EQ(read(file), model_);
}

// What a borrowed thread declines, or can't do because the lock is held for long, the walk does.
TEST_F(SnapshotTest, pieces_may_be_run_by_another_thread_or_declined) {
  for (int i = 0; i < 20'000; ++i) add_to_set("s", "member" + std::to_string(i));
  for (int i = 0; i < 5000; ++i) put("key" + std::to_string(i), "v" + std::to_string(i));
  Model wanted = model_;
  wanted[{0, "s"}] = "set of 20000";
  size_t asked = 0;
  size_t lent = 0;
  const auto lend = [&](const std::function<bool()>& piece) {
    if (++asked % 3 == 0) return false;
    bool done = false;
    std::thread([&] { done = piece(); }).join();
    lent += done ? 1 : 0;
    return done;
  };
  auto snapshot = StoreSnapshot::begin(store_, {.lend = lend});
  std::string file;
  ASSERT_TRUE(write(*snapshot, file));
  EXPECT_EQ(read(file), wanted);
  EXPECT_GT(lent, 10U);
  EXPECT_EQ(lent, asked - asked / 3);
}

TEST_F(SnapshotTest, is_given_up_when_changes_come_too_fast_for_a_slow_reader) {
  for (int i = 0; i < 1000; ++i) put("key" + std::to_string(i), std::string(1000, 'v'));
  auto snapshot = StoreSnapshot::begin(
      store_, {.on_full = StoreSnapshotOptions::OnFull::give_up, .buffer_bytes_max = 4096});
  for (int i = 0; i < 1000; ++i) put("key" + std::to_string(i), "w");
  std::string file;
  EXPECT_FALSE(write(*snapshot, file));
}

TEST_F(SnapshotTest, a_big_value_holds_changes_back_until_it_is_written) {
  for (int i = 0; i < 20'000; ++i) add_to_set("s", "member" + std::to_string(i));
  auto snapshot = StoreSnapshot::begin(store_, {});
  EXPECT_TRUE(StoreSnapshot::must_wait(store_, Key::of("s"), 0));
  EXPECT_FALSE(StoreSnapshot::must_wait(store_, Key::of("other"), 0));
  std::string file;
  ASSERT_TRUE(write(*snapshot, file));
  EXPECT_FALSE(StoreSnapshot::must_wait(store_, Key::of("s"), 0));
  EXPECT_EQ(read(file)[std::pair(0U, std::string("s"))], "set of 20000");
}

// Who can't wait has the rest written at once.
TEST_F(SnapshotTest, changes_by_another_thread_are_not_seen) {
  for (int i = 0; i < 20'000; ++i) add_to_set("s", "member" + std::to_string(i));
  for (int i = 0; i < 20'000; ++i) put("key" + std::to_string(i), "v" + std::to_string(i));
  Model wanted = model_;
  wanted[{0, "s"}] = "set of 20000";
  for (int round = 0; round < 3; ++round) {
    auto snapshot = StoreSnapshot::begin(store_, {});
    std::atomic<bool> go{false};
    std::thread writer([&] {
      Random random(static_cast<uint64_t>(round));
      while (!go.load()) std::this_thread::yield();
      for (int i = 0; i < 5000; ++i) {
        const uint64_t number = random.below(20'000);
        put("key" + std::to_string(number), "w" + std::to_string(round));
        if (i % 100 == 0) add_to_set("s", "later" + std::to_string(round * 5000 + i));
      }
    });
    go.store(true);
    std::string file;
    const bool whole = write(*snapshot, file);
    writer.join();
    ASSERT_TRUE(whole);
    EXPECT_EQ(read(file), wanted);
    wanted = model_;
    wanted[{0, "s"}] = "set of " + std::to_string(20'000 + 50 * (round + 1));
  }
}

}  // namespace
}  // namespace larder::snapshot_test
