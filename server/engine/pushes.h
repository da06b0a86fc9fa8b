// What clients are told without having asked: messages of channels, keyspace events,
// invalidations. Another worker's connections are written on its own thread only, so every push
// goes through a queue of the worker that has the clients:
//
//   any thread, under any lock -> put -> [ queue of worker w ] -> deliver, on w's thread
//
// - A queue is one list under one lock: pushes arrive in the order they were put in, whoever put
//   them. So what was published before PUBLISH was answered comes before what is published later.
// - A worker delivers when a round of requests is over: a pipeline of publications costs each
//   subscriber one write. Others' workers are woken then, too, once a round: nothing is written to
//   a descriptor under a lock.
// - Full queues hold writers and publishers back (congested), so that a worker that is slower than
//   the others does not eat the memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/mutex.h"

namespace larder {

class ClientsOfWorker;
class Workers;

class Push {
 public:
  virtual ~Push() = default;
  // Hands it to the clients, which send it when ClientsOfWorker::flush_pushes is called.
  virtual void deliver(ClientsOfWorker& clients) = 0;
  // Takes over what `next`, which was put in right behind it, has to say to the same clients: each
  // of them is visited once for both. False when they have not the same clients.
  virtual bool join(const Push& /*next*/) { return false; }
  // What it keeps in memory while it waits.
  virtual size_t bytes() const = 0;
};

class PushQueues {
 public:
  // A queue holding more than this makes who fills it wait. Enough for many rounds of small
  // messages, little beside any memory limit.
  static constexpr size_t kBytesMax = 32 * 1024 * 1024;

  explicit PushQueues(size_t workers);
  ~PushQueues();

  // Where wake-ups go; before the first put.
  void connect(Workers& workers) { workers_ = &workers; }
  // Tells which worker this thread is, for its life.
  static void enter_worker(size_t worker);
  static size_t this_worker();

  // From any thread. The lock inside is a leaf: any other may be held.
  void put(size_t worker, std::unique_ptr<Push> push);
  // A push that is in the queue already has grown.
  void add_bytes(size_t worker, size_t bytes);

  // On the worker's thread only. A round is over: its own pushes are delivered, the others woken.
  void finish_round(ClientsOfWorker& clients) {
    if (waiting(this_worker())) [[unlikely]] deliver(clients);
    wake_others();
  }
  // Only the latter.
  void wake_others() {
    if (!queues_[this_worker()].wakes.empty()) [[unlikely]] send_wakes();
  }
  bool waiting(size_t worker) const {
    return queues_[worker].waiting.load(std::memory_order_relaxed);
  }
  void deliver(ClientsOfWorker& clients);

  // Some worker has more to deliver than is good.
  bool congested() const { return congested_.load(std::memory_order_relaxed) > 0; }

 private:
  // A worker sends after so many pushes, so that outputs do not pile up in between.
  static constexpr size_t kPushesPerFlush = 64;

  struct alignas(128) Queue {
    Mutex mutex;
    std::vector<std::unique_ptr<Push>> pushes GUARDED_BY(mutex);
    size_t bytes GUARDED_BY(mutex) = 0;
    std::atomic<bool> waiting{false};
    std::vector<std::unique_ptr<Push>> taken;  // being delivered; on the worker's thread only
    std::vector<size_t> wakes;                 // workers to wake; on the worker's thread only
  };

  void send_wakes();
  void wake(size_t worker);
  void take(Queue& queue);
  void count(Queue& queue, size_t bytes) REQUIRES(queue.mutex);

  const size_t workers_count_;
  std::unique_ptr<Queue[]> queues_;
  std::atomic<unsigned> congested_{0};  // queues over kBytesMax
  Workers* workers_ = nullptr;
};

}  // namespace larder
