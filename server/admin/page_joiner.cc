#include "server/admin/page_joiner.h"

#include <chrono>

#include "storage/page_pool.h"

namespace larder {
namespace {

// Keeps up with some 300 MB a second, and the looking needs less than half a per cent of a core.
constexpr auto kPause = std::chrono::milliseconds(100);
constexpr size_t kChunks = 16;

}  // namespace

PageJoiner::PageJoiner() : thread_([this] { run(); }) {}

PageJoiner::~PageJoiner() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

void PageJoiner::run() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kPause, [this] { return ending_; })) {
    lock.unlock();
    for (PagePool& pool : page_pools()) (void)pool.join_some(kChunks);
    lock.lock();
  }
}

}  // namespace larder
