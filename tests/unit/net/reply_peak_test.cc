#include "server/net/reply_peak.h"

#include <gtest/gtest.h>

namespace larder::reply_peak_test {
namespace {

TEST(ReplyPeak, OfANewClientIsTheWholeBuffer) {
  const ReplyPeak peak;
  EXPECT_EQ(peak.bytes(), ReplyPeak::kBufferMax);
  EXPECT_EQ(peak.buffer_bytes(), ReplyPeak::kBufferMax);
}

TEST(ReplyPeak, IsForgottenAfterTwoPeriods) {
  ReplyPeak peak;
  peak.age(1000, 100);
  peak.age(2000, 100);
  EXPECT_EQ(peak.bytes(), 0U);
  peak.note(3000);
  peak.note(100);
  peak.age(2099, 100);
  EXPECT_EQ(peak.bytes(), 3000U);
  peak.age(2100, 100);
  EXPECT_EQ(peak.bytes(), 3000U) << "of the period before";
  peak.note(50);
  peak.age(2200, 100);
  EXPECT_EQ(peak.bytes(), 50U);
}

TEST(ReplyPeak, ABufferIsAPowerOfTwoWithinItsBounds) {
  ReplyPeak peak;
  peak.age(1000, 100);
  peak.age(2000, 100);
  EXPECT_EQ(peak.buffer_bytes(), ReplyPeak::kBufferMin);
  peak.note(ReplyPeak::kBufferMin + 1);
  EXPECT_EQ(peak.buffer_bytes(), 2 * ReplyPeak::kBufferMin);
  peak.note(ReplyPeak::kBufferMax + 1);
  EXPECT_EQ(peak.buffer_bytes(), ReplyPeak::kBufferMax);
}

}  // namespace
}  // namespace larder::reply_peak_test
