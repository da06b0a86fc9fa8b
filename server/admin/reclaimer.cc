#include "server/admin/reclaimer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <utility>

namespace larder {

namespace {
constexpr int kNiceness = 19;
}

struct ReclaimerThread::Queue {
  std::mutex mutex;
  std::condition_variable filled;
  GarbageList waiting;
  bool ending = false;
};

ReclaimerThread::ReclaimerThread()
    : queue_(std::make_unique<Queue>()), thread_([this] { run(); }) {}

ReclaimerThread::~ReclaimerThread() {
  {
    std::lock_guard lock(queue_->mutex);
    queue_->ending = true;
  }
  queue_->filled.notify_one();
  thread_.join();
}

void ReclaimerThread::reclaim(GarbageList garbage) {
  pending_.fetch_add(garbage.size(), std::memory_order_relaxed);
  {
    std::lock_guard lock(queue_->mutex);
    for (auto& piece : garbage) queue_->waiting.push_back(std::move(piece));
  }
  queue_->filled.notify_one();
}

void ReclaimerThread::run() {
  // Freeing can wait; a worker that wakes on the same core cannot.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
  while (true) {
    GarbageList batch;
    {
      std::unique_lock lock(queue_->mutex);
      queue_->filled.wait(lock, [this] { return queue_->ending || !queue_->waiting.empty(); });
      if (queue_->waiting.empty()) return;
      batch.swap(queue_->waiting);
    }
    for (auto& piece : batch) {
      piece.reset();
      pending_.fetch_sub(1, std::memory_order_relaxed);
      freed_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

}  // namespace larder
