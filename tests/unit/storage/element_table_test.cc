#include "storage/element_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "base/random.h"

namespace larder::element_table_test {
namespace {

TEST(Element, keeps_key_value_and_expiry) {
  Slab slab;
  const std::string large(300, 'v');
  Element* element = Element::make(slab, "field", large, 1234567890123);
  EXPECT_EQ(element->key(), "field");
  EXPECT_EQ(element->value(), large);
  EXPECT_EQ(element->expiry_ms(), 1234567890123);
  element->set_expiry(5);
  EXPECT_EQ(element->expiry_ms(), 5);
  Element::release(slab, element);
  Element* member = Element::make(slab, large);
  EXPECT_EQ(member->key(), large);
  EXPECT_FALSE(member->has_value());
  EXPECT_EQ(member->expiry_ms(), -1);
  Element::release(slab, member);
  EXPECT_EQ(slab.used_bytes(), 0U);
}

// Random adds, replacements and removals against std::map, then everything is
// given back.
TEST(ElementTable, follows_a_map) {
  Slab slab;
  Random random(7);
  {
    ElementTable table(slab);
    std::map<std::string, std::string> model;
    for (int i = 0; i < 50000; ++i) {
      const std::string key = "k" + std::to_string(random.below(8000));
      const std::string value = std::to_string(random.below(1000000));
      const bool there = model.contains(key);
      ASSERT_EQ(table.find(key) != nullptr, there);
      if (random.below(3) == 0) {
        ASSERT_EQ(table.remove(key), there);
        model.erase(key);
        continue;
      }
      there ? table.replace(key, Bytes(value)) : table.add(key, Bytes(value));
      model[key] = value;
    }
    table.validate();
    ASSERT_EQ(table.size(), model.size());
    size_t seen = 0;
    table.each([&](const Element* element) {
      ++seen;
      EXPECT_EQ(model.at(std::string(element->key())), element->value());
    });
    EXPECT_EQ(seen, model.size());
    EXPECT_EQ(table.memory_bytes(), slab.used_bytes());
    table.release_elements();
  }
  EXPECT_EQ(slab.used_bytes(), 0U);
}

// A table of a few elements is as large as they need, and gets small again.
TEST(ElementTable, small_ones_are_small) {
  Slab slab;
  {
    ElementTable table(slab);
    EXPECT_LT(table.memory_bytes(), 200U);
    const auto key = [](int i) { return "key" + std::to_string(i); };
    for (int i = 0; i < 1000; ++i) {
      table.add(key(i), Bytes("v"));
      table.validate();
      const size_t slots = table.memory_bytes() - table.size() * 16;
      ASSERT_LT(slots, 300 + table.size() * 40) << table.size();
    }
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(table.remove(key(i)));
      table.validate();
      ASSERT_EQ(table.find(key(999)) != nullptr, i < 999);
    }
    EXPECT_LT(table.memory_bytes(), 200U);
  }
  EXPECT_EQ(slab.used_bytes(), 0U);
}

// A scan sees what is there all the time, whatever size the table has meanwhile.
TEST(ElementTable, scans_through_growth_and_shrinkage) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    Slab slab;
    ElementTable table(slab);
    std::set<std::string> missing;
    for (uint64_t i = random.below(12); i > 0; --i) {
      missing.insert("stays" + std::to_string(i));
      table.add("stays" + std::to_string(i));
    }
    const auto others = [&](auto change) {
      for (int i = 0; i < 700; ++i) change("comes" + std::to_string(i));
    };
    if (random.below(2) == 0) others([&](const std::string& key) { table.add(key); });
    uint64_t cursor = 0;
    do {
      cursor = table.scan(
          cursor, [&](const Element* element) { missing.erase(std::string(element->key())); });
      for (uint64_t i = random.below(100); i > 0; --i) {
        const std::string key = "comes" + std::to_string(random.below(700));
        if (!table.remove(key)) table.add(key);
      }
      if (random.below(8) == 0) others([&](const std::string& key) { table.remove(key); });
    } while (cursor != 0);
    EXPECT_TRUE(missing.empty()) << "seed " << seed;
    table.validate();
    table.release_elements();
  }
}

}  // namespace
}  // namespace larder::element_table_test
