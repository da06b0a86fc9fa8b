// Huge pages of the processor for memory that is in use already.
//
// Joining is only a hint to the kernel: one without MADV_COLLAPSE (before Linux 6.1) leaves
// everything as it is.
// Source: madvise(2)
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>

namespace larder {

inline constexpr size_t kHugePageBytes = size_t{2} << 20;

// From one thread, which sleeps a little behind each chunk that it joins.
class PageJoiner {
 public:
  // Joins the pages at an address, which is aligned to a huge page, if nearly all of them hold
  // memory: the process grows by 3% of the chunk at most.
  void join_if_used(char* chunk);

 private:
  std::unordered_set<const char*> joined_;  // once; they may have been split since
};

// The heap of malloc's main arena, where the tables of keys are. It joins what lies between the
// heap's end at the start and its end now. From one thread.
class HeapJoiner {
 public:
  HeapJoiner();

  // Looks at the next chunks, at most so many. Returns how many it looked at: 0 when the heap has
  // not grown since it has seen all.
  size_t join_some(size_t most);

 private:
  PageJoiner joiner_;
  uintptr_t first_;         // the first whole chunk
  uintptr_t next_;
  uintptr_t seen_end_ = 0;  // the heap's, when the last round was over
};

}  // namespace larder
