#include "storage/huge_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

namespace larder {
namespace {

constexpr size_t kSmallPageBytes = 4096;
constexpr size_t kSmallPages = kHugePageBytes / kSmallPageBytes;
constexpr size_t kUsedMin = kSmallPages * 97 / 100;

bool is_in_use(char* chunk) {
  std::array<unsigned char, kSmallPages> resident;
  if (mincore(chunk, kHugePageBytes, resident.data()) != 0) return false;
  const auto used = std::count_if(resident.begin(), resident.end(),
                                  [](unsigned char page) { return (page & 1) != 0; });
  return static_cast<size_t>(used) >= kUsedMin;
}

uintptr_t heap_end() { return reinterpret_cast<uintptr_t>(sbrk(0)); }

}  // namespace

void join_if_used(char* chunk) {
  if (is_in_use(chunk)) madvise(chunk, kHugePageBytes, MADV_COLLAPSE);
}

HeapJoiner::HeapJoiner()
    : first_((heap_end() + kHugePageBytes - 1) & ~(kHugePageBytes - 1)), next_(first_) {}

size_t HeapJoiner::join_some(size_t most) {
  const uintptr_t end = heap_end();
  if (next_ == first_ && end == seen_end_) return 0;
  size_t seen = 0;
  for (; seen < most && next_ + kHugePageBytes <= end; ++seen) {
    join_if_used(reinterpret_cast<char*>(next_));
    next_ += kHugePageBytes;
  }
  if (next_ + kHugePageBytes > end) {
    seen_end_ = end;
    next_ = first_;
  }
  return seen;
}

}  // namespace larder
