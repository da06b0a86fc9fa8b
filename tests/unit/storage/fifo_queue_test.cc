#include "storage/eviction/fifo_queue.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "storage/slab.h"

namespace larder::fifo_queue_test {

class FifoQueueTest : public testing::Test {
 protected:
  void push() { queue_.push({.place = pushed_++}); }

  // What is told before a reference's turn: first without, then with what was known of it.
  void pop() {
    Candidate candidate;
    ASSERT_TRUE(queue_.pop(candidate));
    ASSERT_EQ(candidate.from, &queue_);
    ASSERT_EQ(candidate.ref.place, popped_++);
    Upcoming upcoming;
    queue_.look_ahead(upcoming);
    for (size_t i = 0; i < upcoming.count; ++i) {
      const uint32_t place = upcoming.refs[i].place;
      ASSERT_EQ(place, popped_ + i);
      ASSERT_EQ(times_told_[place]++, i < upcoming.known ? 1 : 0);
    }
  }

  Slab slab_;
  FifoQueue queue_{slab_};
  uint32_t pushed_ = 0;
  uint32_t popped_ = 0;
  std::map<uint32_t, int> times_told_;
};

TEST_F(FifoQueueTest, each_reference_is_told_twice_before_its_turn) {
  for (int i = 0; i < 1000; ++i) push();
  while (queue_.size() > 0) pop();
  // The first have no time for it, and fewer than a step are not worth a look.
  for (uint32_t place = 17; place < 984; ++place) ASSERT_EQ(times_told_[place], 2) << place;
}

TEST_F(FifoQueueTest, none_is_told_more_than_twice_however_they_come) {
  Random random(17);
  for (int i = 0; i < 20'000; ++i) {
    if (queue_.size() == 0 || random.below(2) == 0) {
      push();
    } else {
      pop();
    }
  }
}

TEST_F(FifoQueueTest, joined_queues_go_on_where_the_older_was) {
  for (int i = 0; i < 50; ++i) push();
  FifoQueue older(std::move(queue_));
  queue_ = FifoQueue(slab_);
  for (int i = 0; i < 50; ++i) push();
  queue_.put_before(std::move(older));
  for (int i = 0; i < 100; ++i) pop();
  EXPECT_EQ(queue_.size(), 0U);
}

}  // namespace larder::fifo_queue_test
