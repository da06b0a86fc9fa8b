#include "server/persistence/worker_turns.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "server/engine/services.h"

namespace larder {
namespace {

// A worker that has not come so far runs a script, or one command that takes long.
constexpr std::chrono::milliseconds kPatience{20};

}  // namespace

// What the thread and the worker share. A worker that comes too late finds it still.
class WorkerTurns::Turn {
 public:
  // On the worker.
  void run(const std::function<bool()>& piece) {
    has_come_.store(true, std::memory_order_relaxed);
    if (!take()) return;
    const bool done = piece();
    std::lock_guard lock(mutex_);
    ended_ = true;
    done_ = done;
    ending_.notify_one();
  }
  bool has_come() const { return has_come_.load(std::memory_order_relaxed); }

  bool wait() {
    std::unique_lock lock(mutex_);
    const auto is_over = [this] { return ended_; };
    if (!ending_.wait_for(lock, kPatience, is_over)) {
      if (take()) return false;
      ending_.wait(lock, is_over);
    }
    return done_;
  }

 private:
  // Whoever comes first has it: the worker that runs it, or the thread that gives up waiting.
  bool take() { return !taken_.exchange(true); }

  std::atomic<bool> taken_{false};
  std::atomic<bool> has_come_{false};
  std::mutex mutex_;
  std::condition_variable ending_;
  bool ended_ = false;
  bool done_ = false;
};

WorkerTurns::WorkerTurns(Workers& workers) : workers_(workers), last_(workers.count()) {}

bool WorkerTurns::run(const std::function<bool()>& piece) {
  next_ = (next_ + 1) % last_.size();
  std::shared_ptr<Turn>& last = last_[next_];
  if (last != nullptr && !last->has_come()) return false;
  const auto turn = std::make_shared<Turn>();
  last = turn;
  workers_.visit(next_, [turn, &piece](ClientsOfWorker&) { turn->run(piece); });
  return turn->wait();
}

}  // namespace larder
