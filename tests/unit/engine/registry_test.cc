#include "server/engine/registry.h"

#include <gtest/gtest.h>

#include "server/commands/families.h"

namespace larder::registry_test {
namespace {

Status nothing(Call&) { return Status::ok(); }

constexpr CommandSpec card(Bytes name, std::span<const CommandSpec> subcommands = {}) {
  return {.name = name, .summary = "s", .since = "1", .group = "test", .arity = 1, .run = nothing,
          .subcommands = subcommands};
}

constexpr CommandSpec kSubs[] = {card("ONE"), card("TWO")};
constexpr CommandSpec kCards[] = {card("A"), card("AB"), card("ABCDEFGH"), card("ABCDEFGHI"),
                                  card("ABCDEFGHJ"), card("BOX", kSubs)};

TEST(Registry, finds_names_in_any_case_and_nothing_else) {
  Registry registry;
  registry.add(kCards);
  for (const CommandSpec& each : kCards) {
    ASSERT_NE(registry.find(each.name), nullptr) << each.name;
    EXPECT_EQ(registry.find(each.name)->spec, &each);
    EXPECT_EQ(registry.find(lower_case(each.name))->spec, &each);
  }
  const Bytes others[] = {"", "B", "ABC", "ABCDEFG", "ABCDEFGHK", "ABCDEFGHIJ", "ONE", "!",
                          Bytes("A\0", 2), "\xc1"};
  for (const Bytes other : others) EXPECT_EQ(registry.find(other), nullptr) << other;
}

// Upper case is made eight bytes at a time: only letters may change.
TEST(Registry, folds_the_case_of_letters_only) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool is_a = c == 'a' || c == 'A';
    Registry registry;
    registry.add(kCards);
    EXPECT_EQ(registry.find(Bytes(&c, 1)) != nullptr, is_a) << byte;
    EXPECT_EQ(registry.find(std::string(1, c) + "BCDEFGHI") != nullptr, is_a) << byte;
    EXPECT_EQ(equals_upper(Bytes(&c, 1), "A"), is_a) << byte;
  }
}

TEST(Registry, sub_commands_know_their_container) {
  Registry registry;
  registry.add(kCards);
  const Command* box = registry.find("box");
  ASSERT_EQ(box->subcommands.size(), 2U);
  const Command* two = box->find_subcommand("tWo");
  ASSERT_NE(two, nullptr);
  EXPECT_EQ(two->name, "box|two");
  EXPECT_EQ(two->parent, box);
  EXPECT_EQ(box->find_subcommand("THREE"), nullptr);
  EXPECT_EQ(registry.all().size(), 8U);
  EXPECT_EQ(registry.commands().size(), 6U);
  for (size_t i = 0; i < registry.all().size(); ++i) EXPECT_EQ(registry.all()[i]->id, i);
}

TEST(RegistryDeathTest, refuses_a_name_twice) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  Registry registry;
  registry.add(kCards);
  EXPECT_DEATH(registry.add(kCards), "check failed");
}

TEST(Command, takes_what_its_arity_says) {
  const CommandSpec exact{.arity = exactly(2)};
  const CommandSpec least{.arity = at_least(2)};
  EXPECT_FALSE(Command{.spec = &exact}.takes(1));
  EXPECT_TRUE(Command{.spec = &exact}.takes(2));
  EXPECT_FALSE(Command{.spec = &exact}.takes(3));
  EXPECT_FALSE(Command{.spec = &least}.takes(1));
  EXPECT_TRUE(Command{.spec = &least}.takes(1000));
}

}  // namespace
}  // namespace larder::registry_test
