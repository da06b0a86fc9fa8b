#include "storage/streams.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage/slab.h"

namespace larder::streams_test {
namespace {

struct Numbered {
  StreamId id;
  int number = 0;
};

// Random ids, from few to many and back, in chunks so small that they split all the time.
TEST(IdList, follows_a_map) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    Slab slab;
    IdList<Numbered, 4> list(slab);
    std::map<StreamId, int> model;
    for (int i = 0; i < 2000; ++i) {
      const StreamId id{random.below(40), random.below(5)};
      const uint64_t removals = i % 1000 < 500 ? 1 : 3;
      if (random.below(4) >= removals) {
        list.put(id).number = i;
        model[id] = i;
      } else {
        const auto taken = list.take(id);
        const auto found = model.find(id);
        ASSERT_EQ(taken.has_value(), found != model.end());
        if (taken) {
          ASSERT_EQ(taken->number, found->second);
        }
        model.erase(id);
      }
      const StreamId from{random.below(41), random.below(6)};
      const auto expected = model.lower_bound(from);
      const Numbered* found = list.at_or_after(from);
      ASSERT_EQ(found == nullptr, expected == model.end());
      if (found != nullptr) {
        ASSERT_EQ(found->number, expected->second);
      }
      ASSERT_EQ(list.size(), model.size());
      if (!model.empty()) {
        ASSERT_EQ(list.last()->id, model.rbegin()->first);
      }
      list.validate();
    }
  }
}

class StreamTest : public testing::Test {
 protected:
  using Items = std::vector<std::string>;
  using Model = std::map<StreamId, Items>;

  ~StreamTest() override { stream_->destroy(); }

  Items some_items() {
    Items items;
    const uint64_t kind = random_.below(10);
    if (random_.below(12) == 0) return {"name", std::string(300 + random_.below(600), 'l')};
    const uint64_t pairs = kind < 8 ? 2 : random_.below(6) + 1;
    for (uint64_t i = 0; i < pairs; ++i) {
      items.push_back(kind < 8 ? (i == 0 ? "name" : "count") : std::to_string(random_.below(300)));
      items.push_back(random_.below(3) == 0 ? std::to_string(random_.next())
                                            : std::string(random_.below(40), 'v'));
    }
    return items;
  }

  void append() {
    const StreamId last = stream_->last_id();
    const StreamId id = random_.below(3) == 0
                            ? StreamId{last.ms, last.seq + 1 + random_.below(3)}
                            : StreamId{last.ms + 1 + random_.below(3), random_.below(200)};
    const Items items = some_items();
    const std::vector<Bytes> views(items.begin(), items.end());
    stream_->append(id, views, limits_);
    model_[id] = items;
  }

  void choose_limits() {
    limits_ = {random_.below(3) == 0 ? 0 : 1 + random_.below(12),
               random_.below(2) == 0 ? 0 : 64 + random_.below(400)};
    if (limits_.entries == 0 && limits_.bytes == 0) limits_.entries = 100;
  }

  // An id at, before or behind one that is there.
  StreamId some_id() {
    const StreamId last = stream_->last_id();
    return {random_.below(last.ms + 2), random_.below(3) == 0 ? 0 : random_.below(200)};
  }

  void remove() {
    StreamId id = some_id();
    if (const auto at = model_.lower_bound(id); at != model_.end() && random_.below(4) > 0) {
      id = at->first;
    }
    ASSERT_EQ(stream_->remove(id), model_.erase(id) == 1);
  }

  void trim_exactly() {
    if (random_.below(2) == 0) {
      const size_t most = random_.below(model_.size() + 3);
      const size_t removed = stream_->trim_to_length(most, false, 0);
      ASSERT_EQ(removed, model_.size() - std::min(most, model_.size()));
      while (model_.size() > most) model_.erase(model_.begin());
    } else {
      const StreamId from = some_id();
      const auto end = model_.lower_bound(from);
      ASSERT_EQ(stream_->trim_below(from, false, 0),
                static_cast<size_t>(std::distance(model_.begin(), end)));
      model_.erase(model_.begin(), end);
    }
  }

  // As XSETID may: new ids begin behind the last entry that is there, wherever deleted ones were.
  void go_back() { stream_->set_last_id(model_.empty() ? StreamId{} : model_.rbegin()->first); }

  // What goes is the oldest, never more than was asked for.
  void trim_roughly() {
    const size_t limit = random_.below(3) == 0 ? 1 + random_.below(20) : 0;
    const bool by_length = random_.below(2) == 0;
    const size_t most = by_length ? random_.below(model_.size() + 3) : 0;
    const StreamId from = by_length ? StreamId::max() : some_id();
    const size_t removed = by_length ? stream_->trim_to_length(most, true, limit)
                                     : stream_->trim_below(from, true, limit);
    ASSERT_LE(removed, model_.size());
    if (limit > 0) {
      ASSERT_LE(removed, limit);
    }
    for (size_t i = 0; i < removed; ++i) {
      ASSERT_LT(model_.begin()->first, from);
      model_.erase(model_.begin());
    }
    if (removed > 0) {
      ASSERT_GE(model_.size(), most);
    }
  }

  void read_range(StreamId first, StreamId last, bool reverse, size_t most) {
    Model expected;
    if (first <= last) {
      expected = Model(model_.lower_bound(first), model_.upper_bound(last));
      while (expected.size() > most) {
        expected.erase(reverse ? expected.begin() : std::prev(expected.end()));
      }
    }
    Model got;
    std::optional<StreamId> before;
    stream_->each(first, last, reverse, [&](const StreamEntry& entry) {
      if (before) {
        EXPECT_EQ(reverse, entry.id < *before);
      }
      before = entry.id;
      got[entry.id] = Items(entry.items.begin(), entry.items.end());
      return got.size() < most;
    });
    ASSERT_EQ(got, expected);
  }

  void check() {
    stream_->validate();
    ASSERT_EQ(stream_->length(), model_.size());
    ASSERT_EQ(stream_->first_id(),
              model_.empty() ? std::nullopt : std::optional(model_.begin()->first));
    ASSERT_EQ(stream_->last_entry_id(), model_.empty() ? StreamId{} : model_.rbegin()->first);
    const StreamId id = some_id();
    ASSERT_EQ(stream_->contains(id), model_.contains(id));
    read_range(some_id(), some_id(), random_.below(2) == 0, 1 + random_.below(20));
  }

  Random random_{1};
  Slab slab_;
  Stream* stream_ = make_object<Stream>(slab_);
  StreamLimits limits_;
  Model model_;
};

TEST_F(StreamTest, follows_a_map) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    random_ = Random(seed);
    choose_limits();
    for (int i = 0; i < 1500; ++i) {
      if (random_.below(50) == 0) choose_limits();
      if (random_.below(20) == 0) go_back();
      const uint64_t what = random_.below(20);
      what < 14 ? append() : what < 18 ? remove() : what < 19 ? trim_exactly() : trim_roughly();
      if (HasFatalFailure()) FAIL() << "seed " << seed << ", step " << i;
      check();
      if (HasFatalFailure()) FAIL() << "seed " << seed << ", step " << i;
    }
    read_range({}, StreamId::max(), false, model_.size() + 1);
    read_range({}, StreamId::max(), true, model_.size() + 1);
  }
}

// Blocks that a long name would fill alone hold others until it is worth its place.
TEST_F(StreamTest, long_names_are_not_repeated_for_nothing) {
  const std::string name(60'000, 'n');
  const std::vector<Bytes> with_name{name, "v"};
  const std::vector<Bytes> other{"f", "v"};
  for (uint64_t i = 1; i <= 4000; ++i) {
    stream_->append({i, 0}, i % 5 == 0 ? other : with_name, {.entries = 100, .bytes = 4096});
  }
  stream_->validate();
  EXPECT_LE(stream_->block_count(), 3U);
  EXPECT_LE(stream_->memory_bytes(), 400'000U);
}

TEST_F(StreamTest, an_entry_takes_a_gibibyte_at_most) {
  const Bytes half("", Stream::kEntryBytesMax / 2);  // never read
  const std::vector<Bytes> fits{half, half};
  const std::vector<Bytes> too_long{half, half, "f", "v"};
  EXPECT_TRUE(Stream::fits(fits));
  EXPECT_FALSE(Stream::fits(too_long));
}

// The last block but one becomes the last again when that is deleted, and grows.
TEST_F(StreamTest, a_trim_forgets_what_the_first_block_ended_with) {
  const std::string some(100, 'v'), much(5000, 'v');
  const auto add = [&](uint64_t ms, const std::string& value) {
    const std::vector<Bytes> items{"f", value};
    stream_->append({ms, 0}, items, {.entries = 100, .bytes = 4096});
  };
  add(1, some), add(2, some), add(5, much);
  EXPECT_EQ(stream_->trim_below({2, 0}, false, 0), 1U);
  EXPECT_TRUE(stream_->remove({5, 0}));
  add(100, some), add(200, much);
  EXPECT_EQ(stream_->trim_below({50, 0}, false, 0), 1U);
  EXPECT_EQ(stream_->first_id(), (StreamId{100, 0}));
}

TEST_F(StreamTest, a_copy_has_the_same_entries_groups_and_pending) {
  for (int i = 0; i < 300; ++i) append();
  for (int i = 0; i < 50; ++i) remove();
  StreamGroup* group = stream_->add_group("g", {5, 0}, 3);
  for (const char* name : {"one", "two"}) {
    StreamConsumer* consumer = group->add_consumer(name, 7);
    for (int i = 0; i < 100; ++i) group->assign(some_id(), consumer, 1000 + i, 2);
  }
  Slab other;
  auto* copy = static_cast<Stream*>(stream_->clone(other));
  copy->validate();
  ASSERT_EQ(copy->length(), stream_->length());
  ASSERT_EQ(copy->find_group("g")->pending().size(), group->pending().size());
  ASSERT_EQ(copy->find_group("g")->consumers()[1]->pending(), group->consumers()[1]->pending());
  std::swap(copy, stream_);
  read_range({}, StreamId::max(), false, model_.size() + 1);
  std::swap(copy, stream_);
  copy->destroy();
}

// Deliveries, changes of owner and acknowledgements against a map of who has what.
TEST_F(StreamTest, groups_know_who_has_what) {
  StreamGroup* group = stream_->add_group("g", {}, 0);
  EXPECT_EQ(stream_->add_group("g", {}, 0), nullptr);
  std::map<StreamId, std::string> owners;
  for (int i = 0; i < 5000; ++i) {
    const StreamId id{random_.below(300), random_.below(3)};
    const std::string name = "c" + std::to_string(random_.below(5));
    const uint64_t what = random_.below(100);
    if (what < 60) {
      StreamConsumer* consumer = group->find_consumer(name);
      if (consumer == nullptr) consumer = group->add_consumer(name, i);
      group->assign(id, consumer, i, 1);
      owners[id] = name;
    } else if (what < 99) {
      ASSERT_EQ(group->acknowledge(id), owners.erase(id) == 1);
    } else if (StreamConsumer* consumer = group->find_consumer(name)) {
      const size_t had = std::erase_if(owners, [&](const auto& o) { return o.second == name; });
      ASSERT_EQ(group->remove_consumer(consumer), had);
    }
    if (i % 100 == 0) stream_->validate();
  }
  ASSERT_EQ(group->pending().size(), owners.size());
  for (const auto& [id, name] : owners)
    ASSERT_EQ(group->pending().find(id)->consumer->name(), name);
}

}  // namespace
}  // namespace larder::streams_test
