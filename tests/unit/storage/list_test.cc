#include "storage/list.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <string>

#include "base/random.h"

namespace larder::list_test {
namespace {

using Model = std::deque<std::string>;

std::string text_of(List::Cursor at) {
  IntegerText scratch;
  return std::string(at.value().bytes(scratch));
}

// Values of every form: short, longer than a byte tells, longer than two bytes tell, integers.
std::string some_value(Random& random) {
  switch (random.below(12)) {
    case 0:
      return std::string(random.below(400), 's');
    case 1:
      return std::string(random.below(9000), 'l');
    case 2:
      return random.below(40) == 0 ? std::string(70000, 'x') : "";
    case 3:
      return std::to_string(static_cast<int64_t>(random.next()));
    case 4:
      return std::to_string(static_cast<int64_t>(random.below(70000)) - 35000);
    case 5:
      return "0" + std::to_string(random.below(10));
    default:
      return "item:" + std::to_string(random.below(1000));
  }
}

void expect_same(const List& list, const Model& model) {
  list.validate();
  ASSERT_EQ(list.size(), model.size());
  List::Cursor at = list.outermost(ListEnd::head);
  for (const std::string& expected : model) {
    ASSERT_EQ(text_of(at), expected);
    at.step(ListEnd::tail);
  }
  ASSERT_FALSE(at.valid());
  at = list.outermost(ListEnd::tail);
  for (auto expected = model.rbegin(); expected != model.rend(); ++expected) {
    ASSERT_EQ(text_of(at), *expected);
    at.step(ListEnd::head);
  }
  ASSERT_FALSE(at.valid());
}

// One random change of both.
void change(List& list, Model& model, Random& random, const ListLimits& limits) {
  const ListEnd end = random.below(2) == 0 ? ListEnd::head : ListEnd::tail;
  const ListEnd side = random.below(2) == 0 ? ListEnd::head : ListEnd::tail;
  const size_t index = model.empty() ? 0 : random.below(model.size());
  const auto there = model.begin() + static_cast<ptrdiff_t>(index);
  const std::string value = some_value(random);
  const size_t choice = model.empty() ? 0 : random.below(11);
  if (choice < 5) {
    list.push(end, value, limits);
    end == ListEnd::head ? model.push_front(value) : model.push_back(value);
  } else if (choice < 7) {
    list.pop(end);
    end == ListEnd::head ? model.pop_front() : model.pop_back();
  } else if (choice == 7) {
    list.insert(list.at(index), side, value, limits);
    model.insert(there + (side == ListEnd::tail ? 1 : 0), value);
  } else if (choice == 8) {
    list.set(list.at(index), value, limits);
    *there = value;
  } else if (choice == 9) {
    const List::Cursor next = list.erase(list.at(index), side);
    const auto left = model.erase(there);
    const bool more = side == ListEnd::tail ? left != model.end() : left != model.begin();
    ASSERT_EQ(next.valid(), more);
    if (more) {
      ASSERT_EQ(text_of(next), side == ListEnd::tail ? *left : *(left - 1));
    }
  } else if (random.below(20) == 0) {
    const size_t count = random.below(model.size() + 1);
    list.drop(end, count);
    const auto cut = static_cast<ptrdiff_t>(count);
    end == ListEnd::head ? model.erase(model.begin(), model.begin() + cut)
                         : model.erase(model.end() - cut, model.end());
    list.join_blocks(limits);
  }
}

void follow_a_deque(const ListLimits& limits, uint64_t seed) {
  Slab slab;
  Random random(seed);
  List* list = make_object<List>(slab);
  Model model;
  for (int i = 0; i < 4000; ++i) {
    change(*list, model, random, limits);
    list->validate();
    if (i % 50 == 0) expect_same(*list, model);
    if (!model.empty()) {
      const size_t index = random.below(model.size());
      ASSERT_EQ(text_of(list->at(index)), model[index]);
    }
    ASSERT_FALSE(list->at(model.size()).valid());
  }
  expect_same(*list, model);
  EXPECT_EQ(list->memory_bytes(), slab.used_bytes());
  Slab other;
  auto* copy = static_cast<List*>(list->clone(other));
  expect_same(*copy, model);
  list->destroy();
  copy->destroy();
  EXPECT_EQ(slab.used_bytes(), 0U);
  EXPECT_EQ(other.used_bytes(), 0U);
}

TEST(List, follows_a_deque) {
  for (const int64_t option : {-2, -1, -5, 1, 2, 7, 128, 0}) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      SCOPED_TRACE("option " + std::to_string(option) + " seed " + std::to_string(seed));
      follow_a_deque(ListLimits::of_option(option), seed);
    }
  }
}

// A queue that is drained as it is filled stays in one small block.
TEST(List, a_short_queue_stays_small) {
  Slab slab;
  List* list = make_object<List>(slab);
  for (int i = 0; i < 100000; ++i) {
    list->push(ListEnd::tail, "a value of some length", {});
    if (i >= 3) list->pop(ListEnd::head);
  }
  list->validate();
  EXPECT_LT(list->memory_bytes(), 1024U);
  list->destroy();
}

TEST(List, gives_memory_back_as_it_shrinks) {
  Slab slab;
  List* list = make_object<List>(slab);
  for (int i = 0; i < 10000; ++i) list->push(ListEnd::head, "some value", {});
  for (int i = 0; i < 9999; ++i) list->pop(ListEnd::tail);
  EXPECT_LT(list->memory_bytes(), 512U);
  list->destroy();
}

TEST(List, an_item_costs_a_byte_beside_its_own) {
  Slab slab;
  List* list = make_object<List>(slab);
  for (int i = 0; i < 1000000; ++i) list->push(ListEnd::tail, "abc", {});
  EXPECT_LT(list->memory_bytes(), 4050000U);
  list->destroy();
}

std::string numbered(int i) {
  char text[32];
  std::snprintf(text, sizeof text, "element:%07d", i);
  return text;
}

TEST(List, the_middle_of_a_long_one_is_compressed) {
  constexpr int kItems = 100000;
  Slab slab;
  List* list = make_object<List>(slab);
  for (int i = 0; i < kItems; ++i) list->push(ListEnd::tail, numbered(i), {});
  EXPECT_LT(list->memory_bytes(), size_t{kItems} * 8);
  list->validate();
  for (int i = 0; i < kItems; i += 777) {
    ASSERT_EQ(text_of(list->at(static_cast<size_t>(i))), numbered(i));
  }
  // Changes thaw the blocks that they meet.
  list->set(list->at(kItems / 2), "changed", {});
  list->insert(list->at(kItems / 3), ListEnd::head, "inserted", {});
  list->erase(list->at(kItems / 4), ListEnd::tail);
  EXPECT_EQ(text_of(list->at(kItems / 2)), "changed");
  EXPECT_EQ(text_of(list->at(kItems / 3 - 1)), "inserted");
  EXPECT_EQ(text_of(list->at(kItems / 4)), numbered(kItems / 4 + 1));
  list->validate();
  for (int i = 0; i < kItems / 4; ++i) {
    ASSERT_EQ(text_of(list->outermost(ListEnd::head)), numbered(i));
    list->pop(ListEnd::head);
    ASSERT_EQ(text_of(list->outermost(ListEnd::tail)), numbered(kItems - 1 - i));
    list->pop(ListEnd::tail);
  }
  list->validate();
  list->drop(ListEnd::head, kItems / 8);
  list->validate();
  list->destroy();
}

TEST(List, noise_and_what_shall_not_be_stay_plain) {
  Slab slab;
  Random random(5);
  List* noise = make_object<List>(slab);
  List* refused = make_object<List>(slab);
  for (int i = 0; i < 20000; ++i) {
    char bytes[16];
    store(bytes, random.next());
    store(bytes + 8, random.next());
    noise->push(ListEnd::tail, {bytes, sizeof bytes}, {});
    refused->push(ListEnd::tail, numbered(i), ListLimits::of_option(-2, 1000));
  }
  EXPECT_GT(noise->memory_bytes(), 20000U * 17);
  EXPECT_GT(refused->memory_bytes(), 20000U * 16);
  noise->destroy();
  refused->destroy();
}

TEST(List, tells_which_form_redis_would_have) {
  Slab slab;
  List* list = make_object<List>(slab);
  const ListLimits four = ListLimits::of_option(4);
  const auto push = [&](const ListLimits& limits, const std::string& value) {
    list->note_growth(limits, value.size(), 1);
    list->push(ListEnd::tail, value, limits);
  };
  for (int i = 0; i < 4; ++i) push(four, "x");
  EXPECT_FALSE(list->is_quicklist());
  push(four, "x");
  EXPECT_TRUE(list->is_quicklist());
  list->drop(ListEnd::head, 2);
  list->note_shrinkage(four);
  EXPECT_TRUE(list->is_quicklist());
  list->pop(ListEnd::head);
  list->note_shrinkage(four);
  EXPECT_FALSE(list->is_quicklist());
  push(ListLimits::of_option(-1), std::string(4090, 'y'));
  EXPECT_TRUE(list->is_quicklist());
  list->destroy();
}

}  // namespace
}  // namespace larder::list_test
