// The memory under all slabs: pages of one size, cut from large mappings. A free page holds no
// memory.
//
//   region (64 MiB of address space, aligned) | chunk 2 MiB: pages | chunk | ...
//
// With a million keys nearly every request misses the processor's TLB, and in a virtual machine
// that costs as much as the miss of the cache behind it. So a chunk that is in use as a whole gets
// one huge page, afterwards and aside (join_some): a huge page from the start would take its 2 MiB
// with the first byte, and a worker would clear it under its shard's lock. When a page of a joined
// chunk is given back the kernel splits it again.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/mutex.h"
#include "storage/huge_pages.h"

namespace larder {

class PagePool {
 public:
  static constexpr size_t kChunkBytes = kHugePageBytes;
  static constexpr size_t kRegionBytes = size_t{64} << 20;

  // `page_bytes` divides a chunk; pages are aligned to it.
  explicit PagePool(size_t page_bytes) : page_bytes_(page_bytes) {}

  void* take();
  void give(void* page);
  // In pages that are taken.
  size_t bytes_out() const { return pages_out_.load(std::memory_order_relaxed) * page_bytes_; }

  // Looks at the next chunks, `most` at a time, and joins those that are in use. Returns how many
  // were looked at: 0 when no page was taken since it has seen all. From one thread.
  size_t join_some(size_t most);

 private:
  void map_region() REQUIRES(mutex_);
  char* next_chunk();

  const size_t page_bytes_;
  Mutex mutex_;
  std::vector<void*> free_ GUARDED_BY(mutex_);
  std::vector<char*> regions_ GUARDED_BY(mutex_);
  char* next_ GUARDED_BY(mutex_) = nullptr;
  char* end_ GUARDED_BY(mutex_) = nullptr;
  std::atomic<size_t> pages_out_{0};
  uint64_t taken_ GUARDED_BY(mutex_) = 0;  // ever

  PageJoiner joiner_;
  // A round over all chunks, see join_some.
  size_t position_ GUARDED_BY(mutex_) = 0;
  uint64_t taken_at_start_ GUARDED_BY(mutex_) = 0;
  uint64_t taken_at_end_ GUARDED_BY(mutex_) = 0;
};

// Whether it lies in a page of any pool. Cost: a load.
bool is_in_page_pool(const void* address);

// Those of the whole process, of pages of 16 and 32 KiB; they outlive every slab.
std::array<PagePool, 2>& page_pools();

}  // namespace larder
