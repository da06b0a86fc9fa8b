#include "server/persistence/worker_turns.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "server/commands/services.h"

namespace larder {
namespace {

// A worker that has not come so far runs a script, or one command that takes long.
constexpr std::chrono::milliseconds kPatience{20};

// What the thread and the worker share. A worker that comes too late finds it still.
class Turn {
 public:
  // Whoever comes first has it: the worker that runs it, or the thread that gives up waiting.
  bool take() { return !taken_.exchange(true); }

  void end(bool done) {
    std::lock_guard lock(mutex_);
    ended_ = true;
    done_ = done;
    ending_.notify_one();
  }

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
  std::atomic<bool> taken_{false};
  std::mutex mutex_;
  std::condition_variable ending_;
  bool ended_ = false;
  bool done_ = false;
};

}  // namespace

bool WorkerTurns::run(const std::function<bool()>& piece) {
  const auto turn = std::make_shared<Turn>();
  const auto on_worker = [turn, &piece](ClientsOfWorker&) {
    if (turn->take()) turn->end(piece());
  };
  next_ = (next_ + 1) % workers_.count();
  workers_.visit(next_, on_worker);
  return turn->wait();
}

}  // namespace larder
