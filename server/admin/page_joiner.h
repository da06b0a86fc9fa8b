// Gives memory that keys fill as a whole to huge pages, on a thread of its own: see
// storage/page_pool.h. Joining copies 2 MiB, some 0.3 ms in which a worker may have to wait that
// touches just those or takes new memory from the system.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace larder {

class PageJoiner {
 public:
  PageJoiner();
  ~PageJoiner();
  PageJoiner(const PageJoiner&) = delete;
  PageJoiner& operator=(const PageJoiner&) = delete;

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable ended_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace larder
