// The bytes a fuzzer gives, read as choices. An exhausted input goes on as zeros, so every input
// means something.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace larder {

class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  Bytes rest() const { return rest_; }

  uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  // 0 .. n-1, n at most 65536.
  size_t below(size_t n) { return (n <= 256 ? byte() : byte() << 8 | byte()) % n; }
  template <typename T, size_t n>
  const T& one_of(const T (&values)[n]) {
    return values[below(n)];
  }
  // The next `bytes` as they are; fewer when there are not so many.
  Bytes take(size_t bytes) {
    const Bytes taken = rest_.substr(0, bytes);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  Bytes rest_;
};

}  // namespace larder

// The entry of a target, called by libFuzzer or by replay.cc. Ends the process (CHECK) on a fault.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
