// When replicas are asked how far they are (REPLCONF GETACK *). One question is on its way at a
// time: the answer to it covers all writes before it. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace larder {

class AckQuestion {
 public:
  // Nobody need answer: the next question may go out after this time.
  static constexpr int64_t kPatienceMs = 1000;

  // Somebody waits for an answer. Asked for at every write: no fence.
  void want() { wanted_.store(true, std::memory_order_relaxed); }
  bool is_wanted() const { return wanted_.load(std::memory_order_relaxed); }

  // Is the question to be put now, at this place of the stream? If so it counts as put.
  bool put(uint64_t offset, int64_t now_ms) {
    if (out_.exchange(true)) return false;
    wanted_.store(false);
    put_ms_.store(now_ms);
    offset_.store(offset);
    return true;
  }

  // A replica has everything up to here.
  void answered(uint64_t offset) {
    if (out_.load() && offset >= offset_.load()) out_.store(false);
  }
  void forget_late(int64_t now_ms) {
    if (out_.load() && now_ms - put_ms_.load() > kPatienceMs) out_.store(false);
  }

 private:
  std::atomic<bool> wanted_{false};
  std::atomic<bool> out_{false};
  std::atomic<uint64_t> offset_{0};
  std::atomic<int64_t> put_ms_{0};
};

}  // namespace larder
