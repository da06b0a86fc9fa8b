// While clients are paused nothing expires: readers miss what is due, and it is removed when the
// pause is over. So nothing is written to files and replicas meanwhile.
#pragma once

#include <atomic>
#include <cstdint>

namespace larder {

inline std::atomic<int64_t> expiry_paused_until_ms{0};  // Unix time

inline bool is_expiry_paused(int64_t now_ms) {
  return now_ms < expiry_paused_until_ms.load(std::memory_order_relaxed);
}

}  // namespace larder
