#include "storage/huge_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

namespace larder {
namespace {

constexpr size_t kSmallPageBytes = 4096;
constexpr size_t kSmallPages = kHugePageBytes / kSmallPageBytes;
constexpr size_t kUsedMin = kSmallPages * 97 / 100;
// Behind a chunk that was joined, for a worker that waits, and for one on the same core.
constexpr std::chrono::milliseconds kRest{2};

bool is_in_use(char* chunk) {
  std::array<unsigned char, kSmallPages> resident;
  if (mincore(chunk, kHugePageBytes, resident.data()) != 0) return false;
  const auto used = std::count_if(resident.begin(), resident.end(),
                                  [](unsigned char page) { return (page & 1) != 0; });
  return static_cast<size_t>(used) >= kUsedMin;
}

// While the kernel joins a chunk, whoever touches it waits. The huge page that it copies to may be
// memory that the host of a virtual machine has not given yet, 512 small pages one by one. So one
// is asked for and given back before: the kernel takes the same again.
void have_huge_page_ready() {
  constexpr size_t kBytes = 2 * kHugePageBytes;  // some of it is aligned
  void* const room =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return;
  const uintptr_t page =
      (reinterpret_cast<uintptr_t>(room) + kHugePageBytes - 1) & ~(kHugePageBytes - 1);
  auto* const chunk = reinterpret_cast<char*>(page);
  if (madvise(chunk, kHugePageBytes, MADV_HUGEPAGE) == 0) {
    *static_cast<volatile char*>(chunk) = 1;  // the kernel clears all of it
  }
  munmap(room, kBytes);
}

uintptr_t heap_end() { return reinterpret_cast<uintptr_t>(sbrk(0)); }

}  // namespace

void PageJoiner::join_if_used(char* chunk) {
  if (!is_in_use(chunk)) return;
  const bool is_new = joined_.insert(chunk).second;
  if (is_new) have_huge_page_ready();
  madvise(chunk, kHugePageBytes, MADV_COLLAPSE);
  if (is_new) std::this_thread::sleep_for(kRest);
}

HeapJoiner::HeapJoiner()
    : first_((heap_end() + kHugePageBytes - 1) & ~(kHugePageBytes - 1)), next_(first_) {}

size_t HeapJoiner::join_some(size_t most) {
  const uintptr_t end = heap_end();
  if (next_ == first_ && end == seen_end_) return 0;
  size_t seen = 0;
  for (; seen < most && next_ + kHugePageBytes <= end; ++seen) {
    joiner_.join_if_used(reinterpret_cast<char*>(next_));
    next_ += kHugePageBytes;
  }
  if (next_ + kHugePageBytes > end) {
    seen_end_ = end;
    next_ = first_;
  }
  return seen;
}

}  // namespace larder
