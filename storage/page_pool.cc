#include "storage/page_pool.h"

#include <sys/mman.h>

#include "base/check.h"

namespace larder {
namespace {

// A bit for each region that a process can have, set for those in use: 512 KiB that are hardly
// touched.
constexpr unsigned kAddressBits = 48;
constexpr size_t kRegionsMax = (size_t{1} << kAddressBits) / PagePool::kRegionBytes;
std::array<std::atomic<uint64_t>, kRegionsMax / 64> regions_in_use;

}  // namespace

bool is_in_page_pool(const void* address) {
  const size_t region = reinterpret_cast<uintptr_t>(address) / PagePool::kRegionBytes;
  return (regions_in_use[region / 64].load(std::memory_order_relaxed) >> region % 64 & 1) != 0;
}

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
  void* mapped = mmap(nullptr, 2 * kRegionBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(mapped != MAP_FAILED);
  auto* const begin = static_cast<char*>(mapped);
  const auto address = reinterpret_cast<uintptr_t>(mapped);
  const size_t before = -address % kRegionBytes;
  next_ = begin + before;
  end_ = next_ + kRegionBytes;
  if (before > 0) munmap(begin, before);
  munmap(end_, kRegionBytes - before);
  regions_.push_back(next_);
  const size_t region = (address + before) / kRegionBytes;
  CHECK(region < kRegionsMax);
  regions_in_use[region / 64].fetch_or(uint64_t{1} << region % 64, std::memory_order_relaxed);
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

std::array<PagePool, 2>& page_pools() {
  static auto* pools = new std::array<PagePool, 2>{PagePool(16 * 1024), PagePool(32 * 1024)};
  return *pools;
}

}  // namespace larder
