// Who frees what the store hands over: a thread of its own, or whoever outruns it.
#include "server/admin/reclaimer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <thread>
#include <utility>

namespace larder::reclaimer_test {
namespace {

constexpr size_t kMiB = 1024 * 1024;

struct Freed {
  std::atomic<int> here{0};   // by the thread that handed it over
  std::atomic<int> aside{0};  // by the reclaimer's
};

class Piece : public Garbage {
 public:
  Piece(size_t bytes, Freed& freed) : bytes_(bytes), freed_(freed) {}
  ~Piece() override { ++(std::this_thread::get_id() == owner_ ? freed_.here : freed_.aside); }
  size_t bytes() const override { return bytes_; }

 private:
  size_t bytes_;
  Freed& freed_;
  std::thread::id owner_ = std::this_thread::get_id();
};

// Keeps the thread busy until it is let go on.
class Plug : public Garbage {
 public:
  explicit Plug(std::latch& latch) : latch_(latch) {}
  ~Plug() override { latch_.wait(); }
  size_t bytes() const override { return 1; }

 private:
  std::latch& latch_;
};

GarbageList pieces(int count, size_t bytes, Freed& freed) {
  GarbageList list;
  for (int i = 0; i < count; ++i) list.push_back(std::make_unique<Piece>(bytes, freed));
  return list;
}

// Destroyed after the reclaimer, which frees what still waits.
struct Busy {
  explicit Busy(Freed& to) : freed(to) {
    GarbageList plug;
    plug.push_back(std::make_unique<Plug>(latch));
    reclaimer.reclaim(std::move(plug));
  }
  ~Busy() { latch.count_down(); }

  Freed& freed;
  std::latch latch{1};
  ReclaimerThread reclaimer;
};

TEST(Reclaimer, small_lots_beyond_16_mib_are_freed_by_who_brings_them) {
  Freed freed;
  {
    Busy busy(freed);
    for (int i = 0; i < 10; ++i) busy.reclaimer.reclaim(pieces(1, 4 * kMiB, freed));
    EXPECT_EQ(freed.here, 7);
    EXPECT_EQ(busy.reclaimer.pending(), 4U);  // the plug, too
  }
  EXPECT_EQ(freed.aside, 3);
}

TEST(Reclaimer, a_database_in_many_parts_is_never_freed_by_who_brings_it) {
  Freed freed;
  {
    Busy busy(freed);
    busy.reclaimer.reclaim(pieces(1, 15 * kMiB, freed));
    busy.reclaimer.reclaim(pieces(16, 7 * kMiB, freed));
    EXPECT_EQ(freed.here, 0);
  }
  EXPECT_EQ(freed.aside, 17);
}

}  // namespace
}  // namespace larder::reclaimer_test
