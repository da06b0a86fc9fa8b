// Places that the processor is asked for all at once: it waits for many cache lines, and for their
// addresses' translations, no longer than for one. An atomic operation between two ends that.
#pragma once

#include <array>
#include <cstddef>

namespace larder {

// Fetches the cache lines at each of kOffsets (bytes) behind an address.
template <size_t... kOffsets>
class PrefetchList {
 public:
  // No more than a hint: an address that is nobody's any more does no harm.
  void add(const void* address) {
    if (size_ == kMost) fetch();
    addresses_[size_++] = static_cast<const char*>(address);
  }

  void fetch() {
    for (size_t i = 0; i < size_; ++i) (__builtin_prefetch(addresses_[i] + kOffsets), ...);
    size_ = 0;
    asm volatile("");  // without it GCC drops calls of functions that do nothing but this
  }

 private:
  static constexpr size_t kMost = 128;  // a round of clients has 127 requests at most

  std::array<const char*, kMost> addresses_;
  size_t size_ = 0;
};

// The home bucket of a key, and the next one: every ninth key is there.
using BucketList = PrefetchList<0, 64>;
// The header with the key, and a small value: two lines, or three when it begins late in one.
using EntryList = PrefetchList<0, 64, 96>;

}  // namespace larder
