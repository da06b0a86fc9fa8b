// Bytes from the thread that makes a snapshot to the worker that has a replica's connection: a
// queue with a limit, so that a slow replica slows the snapshot and no memory is filled.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace larder {

class BytePipe {
 public:
  using Chunk = std::shared_ptr<const std::string>;
  // Enough for the socket to be kept busy while the snapshot's thread sleeps.
  static constexpr size_t kBytesMax = 4 * 1024 * 1024;

  // `wake` is called when there is something again after take() had found nothing.
  explicit BytePipe(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Waits for room, at most so long. False: it was closed, or nobody took anything for that time.
  bool put(Chunk chunk, int64_t patience_ms) {
    std::unique_lock lock(mutex_);
    const auto has_room = [this] { return closed_ || bytes_ < kBytesMax; };
    uint64_t taken = taken_;
    while (!room_.wait_for(lock, std::chrono::milliseconds(patience_ms), has_room)) {
      if (std::exchange(taken, taken_) == taken_) return false;
    }
    if (closed_) return false;
    bytes_ += chunk->size();
    chunks_.push_back(std::move(chunk));
    wake_taker(lock);
    return true;
  }
  // Nothing more will come. `whole`: everything did.
  void finish(bool whole) {
    std::unique_lock lock(mutex_);
    end_ = whole ? End::whole : End::broken;
    wake_taker(lock);
  }
  // Nobody takes any more.
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    room_.notify_all();
  }

  enum class End : uint8_t { open, whole, broken };
  // Null when there is nothing now; `end` then says whether anything will come.
  Chunk take(End& end) {
    std::lock_guard lock(mutex_);
    end = end_;
    if (chunks_.empty()) {
      hungry_ = true;
      return nullptr;
    }
    Chunk chunk = std::move(chunks_.front());
    chunks_.pop_front();
    bytes_ -= chunk->size();
    taken_ += chunk->size();
    room_.notify_all();
    return chunk;
  }

 private:
  void wake_taker(std::unique_lock<std::mutex>& lock) {
    const bool hungry = std::exchange(hungry_, false);
    lock.unlock();
    if (hungry) wake_();
  }

  std::mutex mutex_;
  std::condition_variable room_;
  std::deque<Chunk> chunks_;
  size_t bytes_ = 0;
  uint64_t taken_ = 0;  // bytes, over all its life
  bool hungry_ = true;
  bool closed_ = false;
  End end_ = End::open;
  const std::function<void()> wake_;
};

}  // namespace larder
