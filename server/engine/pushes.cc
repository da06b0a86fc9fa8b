#include "server/engine/pushes.h"

#include <algorithm>

#include "base/check.h"
#include "server/engine/services.h"

namespace larder {
namespace {

constexpr size_t kNoWorker = ~size_t{0};
thread_local size_t the_worker = kNoWorker;

}  // namespace

PushQueues::PushQueues(size_t workers)
    : workers_count_(workers), queues_(std::make_unique<Queue[]>(workers)) {}

PushQueues::~PushQueues() = default;

void PushQueues::enter_worker(size_t worker) { the_worker = worker; }

size_t PushQueues::this_worker() { return the_worker; }

void PushQueues::put(size_t worker, std::unique_ptr<Push> push) {
  DCHECK(worker < workers_count_);
  Queue& queue = queues_[worker];
  bool first = false;
  {
    MutexLock lock(queue.mutex);
    count(queue, push->bytes());
    first = queue.pushes.empty();
    queue.pushes.push_back(std::move(push));
    queue.waiting.store(true, std::memory_order_relaxed);
  }
  if (!first || worker == the_worker) return;
  the_worker == kNoWorker ? wake(worker) : queues_[the_worker].wakes.push_back(worker);
}

void PushQueues::add_bytes(size_t worker, size_t bytes) {
  MutexLock lock(queues_[worker].mutex);
  count(queues_[worker], bytes);
}

void PushQueues::count(Queue& queue, size_t bytes) {
  const size_t before = queue.bytes;
  queue.bytes += bytes;
  if (before <= kBytesMax && queue.bytes > kBytesMax) congested_.fetch_add(1);
}

void PushQueues::take(Queue& queue) {
  MutexLock lock(queue.mutex);
  if (queue.bytes > kBytesMax) congested_.fetch_sub(1);
  queue.bytes = 0;
  queue.taken.swap(queue.pushes);
  queue.waiting.store(false, std::memory_order_relaxed);
}

// Delivering may put in more (an invalidation that is redirected).
void PushQueues::deliver(ClientsOfWorker& clients) {
  Queue& queue = queues_[the_worker];
  if (!queue.taken.empty()) return;  // already at it, further up
  while (waiting(the_worker)) {
    take(queue);
    for (size_t i = 0; i < queue.taken.size(); ++i) {
      const size_t first = i;
      const size_t end = std::min(queue.taken.size(), first + kPushesPerFlush);
      while (i + 1 < end && queue.taken[first]->join(*queue.taken[i + 1])) ++i;
      queue.taken[first]->deliver(clients);
      if (first / kPushesPerFlush != (i + 1) / kPushesPerFlush) clients.flush_pushes();
    }
    queue.taken.clear();
    clients.flush_pushes();
  }
}

void PushQueues::send_wakes() {
  std::vector<size_t>& wakes = queues_[the_worker].wakes;
  for (const size_t worker : wakes) wake(worker);
  wakes.clear();
}

// A worker that was visited finishes a round.
void PushQueues::wake(size_t worker) {
  workers_->visit(worker, [](ClientsOfWorker&) {});
}

}  // namespace larder
