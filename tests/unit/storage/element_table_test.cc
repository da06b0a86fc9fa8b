#include "storage/element_table.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace larder {
namespace {

TEST(Element, keeps_key_value_and_expiry) {
  Slab slab;
  const std::string large(300, 'v');
  Element *element = Element::make(slab, "field", large, 1234567890123);
  EXPECT_EQ(element->key(), "field");
  EXPECT_EQ(element->value(), large);
  EXPECT_EQ(element->expiry_ms(), 1234567890123);
  element->set_expiry(5);
  EXPECT_EQ(element->expiry_ms(), 5);
  Element::release(slab, element);
  Element *member = Element::make(slab, large);
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
    table.each([&](const Element *element) {
      ++seen;
      EXPECT_EQ(model.at(std::string(element->key())), element->value());
    });
    EXPECT_EQ(seen, model.size());
    EXPECT_EQ(table.memory_bytes(), slab.used_bytes());
    table.release_elements();
  }
  EXPECT_EQ(slab.used_bytes(), 0U);
}

}  // namespace
}  // namespace larder
