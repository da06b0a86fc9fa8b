#include "storage/page_pool.h"

#include <sys/mman.h>

#include "base/check.h"

namespace larder {

void* PagePool::take() {
  MutexLock lock(mutex_);
  pages_out_.fetch_add(1, std::memory_order_relaxed);
  ++taken_;
  if (!free_.empty()) {
    void* page = free_.back();
    free_.pop_back();
    return page;
  }
  if (next_ == end_) map_region();
  void* page = next_;
  next_ += page_bytes_;
  return page;
}

void PagePool::give(void* page) {
  madvise(page, page_bytes_, MADV_DONTNEED);
  MutexLock lock(mutex_);
  pages_out_.fetch_sub(1, std::memory_order_relaxed);
  free_.push_back(page);
}

// Address space only: memory is taken as it is touched.
void PagePool::map_region() {
  void* region = mmap(nullptr, kRegionBytes + kChunkBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(region != MAP_FAILED);
  const auto address = reinterpret_cast<uintptr_t>(region);
  next_ = reinterpret_cast<char*>((address + kChunkBytes - 1) & ~(kChunkBytes - 1));
  end_ = next_ + kRegionBytes;
  regions_.push_back(next_);
}

// Null at the end of a round after which nothing was taken.
char* PagePool::next_chunk() {
  constexpr size_t kChunks = kRegionBytes / kChunkBytes;
  MutexLock lock(mutex_);
  if (position_ == 0) {
    if (taken_ == taken_at_end_) return nullptr;
    taken_at_start_ = taken_;
  }
  char* const chunk = regions_[position_ / kChunks] + position_ % kChunks * kChunkBytes;
  if (++position_ == regions_.size() * kChunks) {
    position_ = 0;
    taken_at_end_ = taken_at_start_;
  }
  return chunk;
}

size_t PagePool::join_some(size_t most) {
  for (size_t seen = 0; seen < most; ++seen) {
    char* const chunk = next_chunk();
    if (chunk == nullptr) return seen;
    joiner_.join_if_used(chunk);
  }
  return most;
}

std::array<PagePool, 3>& page_pools() {
  static auto* pools = new std::array<PagePool, 3>{PagePool(16 * 1024), PagePool(32 * 1024),
                                                   PagePool(64 * 1024)};
  return *pools;
}

}  // namespace larder
