// A thread that frees what is too big to be freed on the data path: values of a megabyte and more,
// flushed databases.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "storage/garbage.h"
#include "storage/lazy_free.h"

namespace larder {

class ReclaimerThread : public Reclaimer {
 public:
  ReclaimerThread();
  // Frees what is waiting, then ends.
  ~ReclaimerThread() override;

  void reclaim(GarbageList garbage) override;
  // INFO's lazyfree_pending_objects and lazyfreed_objects.
  size_t pending() const override { return pending_.load(std::memory_order_relaxed); }
  size_t freed() const override { return lazily_freed.load(std::memory_order_relaxed); }
  void reset_freed() override { lazily_freed.store(0, std::memory_order_relaxed); }

 private:
  struct Queue;
  void run();

  std::unique_ptr<Queue> queue_;
  std::atomic<size_t> pending_{0};  // objects
  std::atomic<size_t> pending_bytes_{0};
  std::thread thread_;
};

}  // namespace larder
