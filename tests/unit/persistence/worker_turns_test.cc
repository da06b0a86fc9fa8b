#include "server/persistence/worker_turns.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "server/engine/services.h"

namespace larder::worker_turns_test {
namespace {

// Two workers; the second comes only when `late` is called.
class TwoWorkers : public Workers, private ClientsOfWorker {
 public:
  ~TwoWorkers() override {
    if (thread_.joinable()) thread_.join();
  }
  size_t count() const override { return 2; }
  WorkerStats& stats(size_t) override { return stats_; }
  void visit(size_t worker, std::function<void(ClientsOfWorker&)> visit) override {
    visited.push_back(worker);
    if (worker == 1) {
      late_.push_back(std::move(visit));
      return;
    }
    if (thread_.joinable()) thread_.join();
    thread_ = std::thread([this, visit] { visit(*this); });
  }
  void visit_all(size_t, std::function<void(ClientsOfWorker&)>, std::function<void()>) override {}
  void late() {
    for (const auto& visit : late_) visit(*this);
  }

  std::vector<size_t> visited;

 private:
  void each(const std::function<void(ClientView&)>&) override {}
  ClientView* find(uint64_t) override { return nullptr; }
  void flush_pushes() override {}
  WorkerStats& stats() override { return stats_; }
  void serve_others() override {}
  void retry_postponed() override {}

  WorkerStats stats_{0};
  std::thread thread_;
  std::vector<std::function<void(ClientsOfWorker&)>> late_;
};

TEST(WorkerTurnsThreads, a_piece_is_run_once_by_a_worker_or_not_at_all) {
  TwoWorkers workers;
  WorkerTurns turns(workers);
  int runs = 0;
  const auto piece = [&](bool done) {
    return [&runs, done] {
      ++runs;
      return done;
    };
  };
  EXPECT_FALSE(turns.run(piece(true))) << "worker 1 does not come in time";
  EXPECT_EQ(runs, 0);
  EXPECT_TRUE(turns.run(piece(true)));
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(turns.run(piece(true))) << "it is not asked again before it has come";
  EXPECT_FALSE(turns.run(piece(false))) << "what the piece says counts";
  EXPECT_EQ(runs, 2);
  workers.late();
  EXPECT_EQ(runs, 2) << "who comes too late finds nothing to do";
  EXPECT_FALSE(turns.run(piece(true)));
  EXPECT_EQ(workers.visited, (std::vector<size_t>{1, 0, 0, 1}));
}

}  // namespace
}  // namespace larder::worker_turns_test
