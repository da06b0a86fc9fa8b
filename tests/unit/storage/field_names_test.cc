#include "storage/field_names.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "storage/pack.h"

namespace larder::field_names_test {
namespace {

TEST(FieldNames, admit_a_name_that_comes_often) {
  const auto names = std::make_unique<FieldNames>();
  for (unsigned i = 1; i < FieldNames::kSeenMin; ++i) EXPECT_FALSE(names->number_for("email"));
  const auto number = names->number_for("email");
  ASSERT_TRUE(number);
  EXPECT_EQ(names->name(*number), "email");
  EXPECT_EQ(names->number_for("email"), number);
  for (unsigned i = 0; i < 2 * FieldNames::kSeenMin; ++i) {
    EXPECT_FALSE(names->number_for("id"));
    EXPECT_FALSE(names->number_for(std::string(65, 'x')));
  }
}

TEST(FieldNames, names_that_come_once_stay_out) {
  const auto names = std::make_unique<FieldNames>();
  for (int i = 0; i < 1000000; ++i) {
    ASSERT_FALSE(names->number_for("user" + std::to_string(i))) << i;
  }
}

TEST(FieldNames, take_no_more_than_the_most) {
  const auto names = std::make_unique<FieldNames>();
  const auto name = [](unsigned i) { return "name" + std::to_string(i); };
  for (unsigned i = 0; i < FieldNames::kNamesMax; ++i) {
    while (!names->number_for(name(i))) {
    }
  }
  for (unsigned i = 0; i < FieldNames::kNamesMax; ++i) ASSERT_EQ(names->number_for(name(i)), i);
  for (unsigned k = 0; k < 2 * FieldNames::kSeenMin; ++k) {
    EXPECT_FALSE(names->number_for(name(FieldNames::kNamesMax)));
  }
}

// Packs made before and after a name was admitted are read alike.
TEST(FieldNames, packs_hold_numbers) {
  const std::string name = "a field of many hashes";
  std::string full;
  Pack::append_name(full, name);
  EXPECT_EQ(full.size(), 1 + name.size());
  std::string shorter;
  for (unsigned i = 0; i < FieldNames::kSeenMin; ++i) {
    shorter.clear();
    Pack::append_name(shorter, name);
  }
  EXPECT_LE(shorter.size(), 3U);
  for (const std::string& pack : {full, shorter}) {
    EXPECT_EQ(Pack(pack).at(0).string, name);
    EXPECT_EQ(Pack(pack).at(0).size, pack.size());
    EXPECT_TRUE(Pack(pack).search_name(name, 1).item);
  }
}

}  // namespace
}  // namespace larder::field_names_test
