#include "server/admin/reclaimer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/thread_name.h"

namespace larder {

namespace {
constexpr int kNiceness = 19;
// What waits is counted nowhere: on a busy machine this thread may hardly run, and then who evicts
// frees himself. What is more than this in one go, a database say, would take a worker too long.
constexpr size_t kPendingBytesMax = 16 * 1024 * 1024;

size_t bytes_of(const GarbageList& garbage) {
  size_t bytes = 0;
  for (const auto& piece : garbage) bytes += piece->bytes();
  return bytes;
}

}  // namespace

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
  const size_t bytes = bytes_of(garbage);
  const size_t waiting = pending_bytes_.load(std::memory_order_relaxed) + bytes;
  if (waiting > kPendingBytesMax && bytes <= kPendingBytesMax) return;
  pending_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  {
    std::lock_guard lock(queue_->mutex);
    for (auto& piece : garbage) {
      pending_.fetch_add(piece->objects(), std::memory_order_relaxed);
      queue_->waiting.push_back(std::move(piece));
    }
  }
  queue_->filled.notify_one();
}

void ReclaimerThread::run() {
  name_this_thread("reclaimer");
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
      const size_t bytes = piece->bytes();
      const size_t objects = piece->objects();
      piece.reset();
      pending_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
      pending_.fetch_sub(objects, std::memory_order_relaxed);
    }
  }
}

}  // namespace larder
