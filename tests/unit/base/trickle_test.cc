#include "base/trickle.h"

#include <gtest/gtest.h>

namespace larder::trickle_test {
namespace {

TEST(Trickle, LetsSoManyThroughInASpan) {
  Trickle trickle(2, 100);
  EXPECT_TRUE(trickle.pass(5));
  EXPECT_TRUE(trickle.pass(50));
  EXPECT_FALSE(trickle.pass(104));
  EXPECT_TRUE(trickle.pass(105)) << "a new span";
  EXPECT_TRUE(trickle.pass(204));
  EXPECT_FALSE(trickle.pass(204));
  EXPECT_TRUE(trickle.pass(1000));
}

}  // namespace
}  // namespace larder::trickle_test
