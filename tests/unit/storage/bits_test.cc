#include "storage/bits.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace larder::bits_test {
namespace {

// The definition: bit 0 is the highest of the first byte, and behind the end all are zero.
bool bit_at(Bytes bytes, uint64_t index) {
  if (index / 8 >= bytes.size()) return false;
  return (static_cast<unsigned char>(bytes[index / 8]) >> (7 - index % 8) & 1) != 0;
}

uint64_t counted(Bytes bytes, uint64_t first, uint64_t last) {
  uint64_t count = 0;
  for (uint64_t i = first; i <= last; ++i) count += bit_at(bytes, i);
  return count;
}

std::optional<uint64_t> found(Bytes bytes, bool bit, uint64_t first, uint64_t last) {
  for (uint64_t i = first; i <= last; ++i) {
    if (bit_at(bytes, i) == bit) return i;
  }
  return {};
}

bool combined(BitOperation operation, const std::vector<std::string>& inputs, uint64_t index) {
  size_t others = 0;
  for (size_t i = 1; i < inputs.size(); ++i) others += bit_at(inputs[i], index);
  const bool first = bit_at(inputs[0], index);
  const size_t all = others + first;
  switch (operation) {
    case BitOperation::conjunction: return all == inputs.size();
    case BitOperation::disjunction: return all > 0;
    case BitOperation::exclusive: return all % 2 == 1;
    case BitOperation::complement: return !first;
    case BitOperation::difference: return first && others == 0;
    case BitOperation::difference_rest: return !first && others > 0;
    case BitOperation::first_and_any: return first && others > 0;
    case BitOperation::exactly_one: return all == 1;
  }
  return false;
}

// Long runs of equal bits too, which searches skip a word at a time.
rc::Gen<std::string> bytes() {
  const auto run = rc::gen::map(
      rc::gen::pair(rc::gen::inRange(0, 40), rc::gen::element('\0', '\xff')),
      [](const auto& pair) { return std::string(static_cast<size_t>(pair.first), pair.second); });
  return rc::gen::map(rc::gen::tuple(run, rc::gen::arbitrary<std::string>(), run),
                      [](const auto& parts) {
                        return std::get<0>(parts) + std::get<1>(parts) + std::get<2>(parts);
                      });
}

TEST(Bits, known_values) {
  EXPECT_EQ(count_bits("foobar"), 26U);
  EXPECT_EQ(count_bits(""), 0U);
  EXPECT_EQ(count_bits_between("foobar", 5, 30), 17U);
  EXPECT_EQ(find_bit(Bytes("\xff\xf0\x00", 3), false, 0, 23), 12U);
  EXPECT_EQ(find_bit(Bytes("\x00\xff\xf0", 3), true, 0, 23), 8U);
  EXPECT_EQ(find_bit(Bytes("\xff\xff\xff", 3), false, 0, 23), std::nullopt);
}

TEST(Bits, numbers_of_every_width_at_every_offset) {
  for (unsigned width = 1; width <= 64; ++width) {
    for (uint64_t offset = 0; offset < 24; ++offset) {
      std::string bytes(16, '\x5a');
      const std::string before = bytes;
      const uint64_t mask = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
      const uint64_t value = 0xfedc'ba98'7654'3210 & mask;
      set_bits(bytes.data(), offset, width, value);
      ASSERT_EQ(get_bits(bytes, offset, width), value) << width << " at " << offset;
      for (uint64_t i = 0; i < 128; ++i) {
        if (i >= offset && i < offset + width) continue;
        ASSERT_EQ(bit_at(bytes, i), bit_at(before, i)) << width << " at " << offset;
      }
    }
  }
}

TEST(Bits, behind_the_end_is_zero) {
  EXPECT_EQ(get_bits("\xff", 4, 8), 0xf0U);
  EXPECT_EQ(get_bits("", 1'000'000, 64), 0U);
}

RC_GTEST_PROP(BitsProperty, counts_and_finds_as_defined, ()) {
  const std::string text = *bytes();
  RC_PRE(!text.empty());
  const uint64_t last_bit = text.size() * 8 - 1;
  const auto a = *rc::gen::inRange<uint64_t>(0, last_bit + 1);
  const auto b = *rc::gen::inRange<uint64_t>(a, last_bit + 1);
  RC_ASSERT(count_bits(text) == counted(text, 0, last_bit));
  RC_ASSERT(count_bits_between(text, a, b) == counted(text, a, b));
  for (const bool bit : {false, true}) {
    RC_ASSERT(find_bit(text, bit, a, b) == found(text, bit, a, b));
  }
}

RC_GTEST_PROP(BitsProperty, reads_numbers_as_defined, ()) {
  const std::string text = *bytes();
  const auto width = *rc::gen::inRange(1U, 65U);
  const auto offset = *rc::gen::inRange<uint64_t>(0, text.size() * 8 + 70);
  uint64_t value = 0;
  for (uint64_t i = offset; i < offset + width; ++i) value = value << 1 | bit_at(text, i);
  RC_ASSERT(get_bits(text, offset, width) == value);
}

RC_GTEST_PROP(BitsProperty, combines_as_defined, ()) {
  const auto operation = static_cast<BitOperation>(*rc::gen::inRange(0, 8));
  const auto count = operation == BitOperation::complement ? 1 : *rc::gen::inRange(1, 6);
  const auto inputs = *rc::gen::container<std::vector<std::string>>(count, bytes());
  size_t longest = 0;
  for (const std::string& input : inputs) longest = std::max(longest, input.size());
  const std::string result = combine_bits(operation, {inputs.begin(), inputs.end()});
  RC_ASSERT(result.size() == longest);
  for (uint64_t i = 0; i < longest * 8; ++i) {
    RC_ASSERT(bit_at(result, i) == combined(operation, inputs, i));
  }
}

}  // namespace
}  // namespace larder::bits_test
