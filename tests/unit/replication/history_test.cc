#include "server/replication/history.h"

#include <gtest/gtest.h>

namespace larder::history_test {
namespace {

const std::string kFirst(kReplicationIdBytes, 'a');
const std::string kSecond(kReplicationIdBytes, 'b');
const std::string kThird(kReplicationIdBytes, 'c');

TEST(History, GoesOnWithItsOwnStreamWhereverTheOtherIs) {
  const History history{.id = kFirst};
  EXPECT_TRUE(history.continues(kFirst, 1));
  EXPECT_TRUE(history.continues(kFirst, 1'000'000));
  EXPECT_FALSE(history.continues(kSecond, 1));
  EXPECT_FALSE(history.continues("?", -1));
}

TEST(History, APromotedServerServesSiblingsUpToTheBranch) {
  History history{.id = kFirst};
  history.rename(kSecond, 100);
  EXPECT_EQ(history.id, kSecond);
  EXPECT_EQ(history.second_id, kFirst);
  EXPECT_TRUE(history.continues(kFirst, 101)) << "one that has all 100 bytes";
  EXPECT_FALSE(history.continues(kFirst, 102)) << "one that has what was never here";
  EXPECT_TRUE(history.continues(kSecond, 500));
}

TEST(History, ARestartedServerServesThoseThatHaveNoMoreThanItsFile) {
  History history{.id = kSecond};
  history.continue_from(kFirst, 100);
  EXPECT_EQ(history.id, kSecond);
  EXPECT_TRUE(history.continues(kFirst, 101));
  EXPECT_FALSE(history.continues(kFirst, 102)) << "it has what came after the file";
}

TEST(History, OnlyTheLastBranchIsKnown) {
  History history{.id = kFirst};
  history.rename(kSecond, 100);
  history.rename(kThird, 200);
  EXPECT_FALSE(history.continues(kFirst, 50));
  EXPECT_TRUE(history.continues(kSecond, 201));
}

TEST(History, AnotherStreamMakesThePastWorthless) {
  History history{.id = kFirst};
  history.rename(kSecond, 100);
  history.replace(kThird);
  EXPECT_FALSE(history.continues(kFirst, 1));
  EXPECT_FALSE(history.continues(kSecond, 1));
  EXPECT_FALSE(history.continues(std::string(kReplicationIdBytes, '0'), -1));
  EXPECT_EQ(history.second_offset, -1);
}

}  // namespace
}  // namespace larder::history_test
