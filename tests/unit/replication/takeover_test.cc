#include "server/replication/takeover.h"

#include <gtest/gtest.h>

#include <bit>

#include "server/replication/acks.h"

namespace larder::takeover_test {
namespace {

using Acks = ReplicationSettings::Acks;

const PrimaryAddress kA{"10.0.0.1", 6379};
const PrimaryAddress kB{"10.0.0.2", 6379};
const PrimaryAddress kC{"10.0.0.3", 6379};

// Every choice of replicas that acknowledged, and of siblings that came to replica 0.
TEST(SiblingsNeeded, OneOfThoseAskedHasEveryAcknowledgedWrite) {
  for (const Acks acks : {Acks::one, Acks::quorum, Acks::all}) {
    for (size_t servers = 2; servers <= 8; ++servers) {
      const size_t copies = acks_needed(acks, servers);
      const size_t needed = siblings_needed(acks, servers);
      const unsigned sets = 1U << (servers - 1);
      for (unsigned acked = 0; acked < sets; ++acked) {
        if (static_cast<size_t>(std::popcount(acked)) != copies) continue;
        for (unsigned asked = 1; asked < sets; asked += 2) {
          if (static_cast<size_t>(std::popcount(asked)) != needed + 1) continue;
          EXPECT_NE(acked & asked, 0U) << servers << " servers";
        }
      }
    }
  }
}

TEST(SiblingsNeeded, NobodyWhereEveryReplicaHasEverything) {
  EXPECT_EQ(siblings_needed(Acks::none, 5), 0U);
  EXPECT_EQ(siblings_needed(Acks::all, 5), 0U);
  EXPECT_EQ(siblings_needed(Acks::quorum, 2), 0U);
  EXPECT_EQ(siblings_needed(Acks::quorum, 1), 0U);
  EXPECT_EQ(siblings_needed(Acks::quorum, 3), 1U);
  EXPECT_EQ(siblings_needed(Acks::quorum, 5), 2U);
  EXPECT_EQ(siblings_needed(Acks::one, 5), 3U);
}

TEST(Siblings, EachCountsOnceAndOthersDoNot) {
  Siblings siblings(2, {kA});
  siblings.came(kA);
  siblings.came(kB);
  siblings.came(kB);
  EXPECT_FALSE(siblings.enough());
  EXPECT_EQ(siblings.missing(), 1U);
  siblings.came(kC);
  EXPECT_TRUE(siblings.enough());
  EXPECT_EQ(siblings.missing(), 0U);
}

TEST(Siblings, TheLongestIsTakenFirst) {
  Siblings siblings(2, {kA});
  EXPECT_FALSE(siblings.best(0));
  siblings.offers({kB, 100});
  siblings.offers({kC, 200});
  siblings.offers({kA, 150});  // does not count, but what it has is as good
  EXPECT_EQ(siblings.best(50)->from, kC);
  EXPECT_TRUE(siblings.others_offer(kC, 120));
  EXPECT_FALSE(siblings.others_offer(kC, 150));
  siblings.came(kC);
  EXPECT_FALSE(siblings.best(200)) << "the others' parts came with it";
  EXPECT_EQ(siblings.best(120)->from, kA);
}

TEST(Siblings, WhoGivesNothingIsLeftUntilItComesAgain) {
  Siblings siblings(1, {});
  siblings.offers({kB, 100});
  siblings.drop(kB);
  EXPECT_FALSE(siblings.best(0));
  EXPECT_FALSE(siblings.enough());
  siblings.offers({kB, 120});
  siblings.offers({kB, 110});  // it was restarted
  EXPECT_EQ(siblings.best(0)->end, 110U);
}

}  // namespace
}  // namespace larder::takeover_test
