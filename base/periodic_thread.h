// A thread of its own for work that comes back from time to time. It ends with the object, which
// waits for the work that runs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "base/thread_name.h"

namespace larder {

class PeriodicThread {
 public:
  using Pause = std::chrono::milliseconds;

  // Calls `work` after a pause, and then after each that it returns.
  PeriodicThread(const char* name, Pause first, std::function<Pause()> work)
      : thread_([this, name, first, work = std::move(work)] {
          name_this_thread(name);
          run(first, work);
        }) {}
  ~PeriodicThread() {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    ended_.notify_one();
    thread_.join();
  }
  PeriodicThread(const PeriodicThread&) = delete;
  PeriodicThread& operator=(const PeriodicThread&) = delete;

 private:
  void run(Pause pause, const std::function<Pause()>& work) {
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, pause, [this] { return ending_; })) {
      lock.unlock();
      pause = work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace larder
