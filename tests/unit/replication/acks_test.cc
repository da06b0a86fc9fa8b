#include "server/replication/acks.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "server/replication/ack_question.h"
#include "server/replication/sync_damper.h"

namespace larder::acks_test {
namespace {

using Acks = ReplicationSettings::Acks;

TEST(Acks, QuorumIsAMajorityWithThePrimary) {
  for (size_t servers = 1; servers <= 9; ++servers) {
    const size_t copies = acks_needed(Acks::quorum, servers) + 1;
    EXPECT_GE(copies, 2U) << "a write without a second copy is not safe";
    if (servers > 1) {
      EXPECT_GT(2 * copies, servers);
    }
  }
  EXPECT_EQ(acks_needed(Acks::none, 5), 0U);
  EXPECT_EQ(acks_needed(Acks::one, 5), 1U);
  EXPECT_EQ(acks_needed(Acks::all, 5), 4U);
  EXPECT_EQ(acks_needed(Acks::all, 1), 1U);
}

RC_GTEST_PROP(Acks, AnOffsetIsReachedByAsManyAsWereAsked, (std::vector<uint64_t> offsets)) {
  const auto needed = static_cast<size_t>(*rc::gen::inRange(1, 6));
  const uint64_t reached = offset_reached_by(offsets, needed);
  if (offsets.size() < needed) {
    RC_ASSERT(reached == 0U);
  } else {
    RC_ASSERT(count_reached(offsets, reached) >= needed);
    RC_ASSERT(reached == UINT64_MAX || count_reached(offsets, reached + 1) < needed);
  }
}

TEST(AckQuestion, OneIsOutAtATime) {
  AckQuestion question;
  EXPECT_FALSE(question.is_wanted());
  question.want();
  ASSERT_TRUE(question.is_wanted());
  EXPECT_TRUE(question.put(100, 0));
  EXPECT_FALSE(question.is_wanted());
  EXPECT_FALSE(question.put(200, 0));
  question.answered(99);
  EXPECT_FALSE(question.put(200, 0)) << "an answer to what was before";
  question.answered(100);
  EXPECT_TRUE(question.put(200, 0));
}

TEST(AckQuestion, IsPutAgainWhenNobodyAnswers) {
  AckQuestion question;
  EXPECT_TRUE(question.put(100, 5));
  question.forget_late(5 + AckQuestion::kPatienceMs);
  EXPECT_FALSE(question.put(200, 0));
  question.forget_late(6 + AckQuestion::kPatienceMs);
  EXPECT_TRUE(question.put(200, 0));
}

TEST(SyncDamper, EachFailureInARowWaitsLonger) {
  SyncDamper damper;
  EXPECT_EQ(damper.not_before_ms("a"), 0);
  int64_t last_wait = 0;
  for (int i = 0; i < 10; ++i) {
    damper.failed("a", 1000);
    const int64_t wait = damper.not_before_ms("a") - 1000;
    EXPECT_GE(wait, last_wait);
    EXPECT_LE(wait, SyncDamper::kLongestWaitMs);
    last_wait = wait;
  }
  EXPECT_EQ(last_wait, SyncDamper::kLongestWaitMs);
  EXPECT_EQ(damper.not_before_ms("b"), 0) << "others do not pay for it";
  damper.succeeded("a");
  EXPECT_EQ(damper.not_before_ms("a"), 0);
}

TEST(SyncDamper, RemembersALimitedNumber) {
  SyncDamper damper;
  for (size_t i = 0; i < 2 * SyncDamper::kReplicasMax; ++i) {
    damper.failed(std::to_string(i), static_cast<int64_t>(i));
  }
  EXPECT_EQ(damper.not_before_ms("0"), 0);
  EXPECT_GT(damper.not_before_ms(std::to_string(2 * SyncDamper::kReplicasMax - 1)), 0);
}

}  // namespace
}  // namespace larder::acks_test
