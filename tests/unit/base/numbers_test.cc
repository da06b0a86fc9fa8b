#include "base/numbers.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace larder::numbers_test {
namespace {

std::string text_of(double value) {
  char text[kDoubleTextMax];
  return {text, format_double(value, text)};
}

TEST(FormatDouble, is_laid_out_as_redis_does) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  EXPECT_EQ(text_of(0), "0");
  EXPECT_EQ(text_of(-0.0), "-0");
  EXPECT_EQ(text_of(3), "3");
  EXPECT_EQ(text_of(-12345), "-12345");
  EXPECT_EQ(text_of(1.5), "1.5");
  EXPECT_EQ(text_of(3.3), "3.3");
  EXPECT_EQ(text_of(-0.1), "-0.1");
  EXPECT_EQ(text_of(0.00001), "0.00001");
  EXPECT_EQ(text_of(0.0000001), "1e-7");
  EXPECT_EQ(text_of(1.5e-10), "1.5e-10");
  EXPECT_EQ(text_of(1e17), "100000000000000000");
  EXPECT_EQ(text_of(1e22), "1e+22");
  EXPECT_EQ(text_of(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(text_of(5e-324), "5e-324");
  EXPECT_EQ(text_of(kInfinite), "inf");
  EXPECT_EQ(text_of(-kInfinite), "-inf");
  EXPECT_EQ(text_of(std::nan("")), "nan");
}

RC_GTEST_PROP(FormatDouble, reads_back_the_same, (double value)) {
  if (std::isnan(value)) return;
  RC_ASSERT(parse_double(text_of(value)) == value);
}

TEST(ParseDouble, takes_what_redis_takes) {
  EXPECT_EQ(parse_double("12"), 12);
  EXPECT_EQ(parse_double("+1e3"), 1000);
  EXPECT_EQ(parse_double("0x10"), 16);
  EXPECT_TRUE(std::signbit(*parse_double("-0")));
  EXPECT_TRUE(std::isinf(*parse_double("-infinity")));
  const std::string in_full = std::to_string(std::numeric_limits<double>::max());
  EXPECT_EQ(parse_double(in_full + std::string(100, '0')), std::numeric_limits<double>::max());
  for (const char* wrong : {"", " 1", "1 ", "nan", "1x", "1e999", "--1"}) {
    EXPECT_FALSE(parse_double(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace larder::numbers_test
