#include "storage/pack.h"

#include <gtest/gtest.h>

#include <limits>

namespace larder::pack_test {
namespace {

std::string text_of(const Pack::Item &item) {
  IntegerText scratch;
  return std::string(item.bytes(scratch));
}

TEST(Pack, gives_back_what_was_appended) {
  std::vector<std::string> values{"",
                                  "a",
                                  "0",
                                  "111",
                                  "112",
                                  "-1",
                                  "127",
                                  "-128",
                                  "32767",
                                  "8388607",
                                  "-8388608",
                                  "2147483648",
                                  "140737488355327",
                                  "9223372036854775807",
                                  "-9223372036854775808",
                                  "007",
                                  "1.5",
                                  std::string(127, 'x'),
                                  std::string(128, 'y'),
                                  std::string(65535, 'z'),
                                  std::string(65536, 'w'),
                                  std::string("\0\xff", 2)};
  std::string bytes;
  for (const auto &value : values) Pack::append(bytes, value);
  const Pack pack(bytes);
  ASSERT_EQ(pack.count(), values.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(text_of(*pack.item(i)), values[i]);
  EXPECT_FALSE(pack.item(values.size()));
}

TEST(Pack, takes_one_byte_more_than_a_short_string) {
  std::string bytes;
  Pack::append(bytes, "hello");
  EXPECT_EQ(bytes.size(), 6U);
  Pack::append(bytes, "42");
  EXPECT_EQ(bytes.size(), 7U);
}

TEST(Pack, finds_by_step) {
  std::string bytes;
  for (const char *text : {"a", "b", "b", "a", "7", "8"}) Pack::append(bytes, text);
  const Pack pack(bytes);
  EXPECT_EQ(pack.find("b", 2)->at, pack.item(2)->at);
  EXPECT_EQ(pack.find("7", 2)->at, pack.item(4)->at);
  EXPECT_FALSE(pack.find("8", 2));
  EXPECT_TRUE(pack.find("8", 1));
  EXPECT_EQ(pack.search_name("7", 2).passed, 4U);
  EXPECT_EQ(pack.search_name("8", 2).passed, pack.count());
}

}  // namespace
}  // namespace larder::pack_test
