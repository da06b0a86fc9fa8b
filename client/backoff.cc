#include "client/backoff.h"

#include <algorithm>

namespace larder {

int64_t Backoff::next_ms() {
  constexpr int64_t kHourMs = 3'600'000;
  full_ms_ = full_ms_ == 0 ? options_.first_ms : full_ms_ * 2;
  full_ms_ = std::clamp<int64_t>(full_ms_, 0, std::min(options_.longest_ms, kHourMs));
  const double drawn = static_cast<double>(random_.next() >> 11) * 0x1p-53;  // 0 <= drawn < 1
  const double cut = std::clamp(options_.jitter, 0.0, 1.0) * drawn;
  return full_ms_ - static_cast<int64_t>(static_cast<double>(full_ms_) * cut);
}

}  // namespace larder
