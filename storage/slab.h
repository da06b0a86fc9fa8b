// Memory for entries and values: one slab per keyspace, used under its shard's lock, so it needs
// no atomics, knows its usage to the byte and gives a flushed keyspace back page by page instead
// of entry by entry.
//
//   page (64 KiB, aligned): | header 64 B | object | object | ... |
//   A page holds objects of one size class. Classes: multiples of 8 up to 256 bytes, then eight
//   per doubling up to 16 KiB, so rounding costs 6% on average and 12.5% at the most.
//   Larger requests go to malloc and are chained, so that they can be dropped as a whole too.
//
// Pages come from a process-wide pool (page_pool.h) and return to it, and their memory to the kernel,
// as soon as their last object is released. Idea: J. Bonwick, "The Slab Allocator", USENIX 1994.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "storage/page_pool.h"

namespace larder {

class Slab {
 public:
  static constexpr size_t kPageBytes = PagePool::kPageBytes;
  static constexpr size_t kSmallMax = 16 * 1024;

  Slab() = default;
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // Returns memory for `bytes` (at least 1), aligned to 8, and to 64 from 512
  // bytes on. Never fails: out of memory ends the process, as the memory limit
  // is kept by eviction and not here.
  void* allocate(size_t bytes);
  // `bytes` may be any size that lies in the same class as the one allocated: small and large
  // objects are told apart by it.
  void release(void* object, size_t bytes);

  // What allocate(bytes) really takes.
  static size_t usable(size_t bytes);

  size_t used_bytes() const { return used_bytes_; }  // sum of usable sizes
  // Counts this slab's used bytes in `total` too, from now on and what there
  // is; null: no more.
  void count_in(size_t* total);
  size_t page_count() const { return page_count_; }
  // Gives the page that is kept for the next class in need back to the pool.
  void trim();

 private:
  struct Page;
  struct Large;
  static constexpr size_t kClasses = 32 + 6 * 8;

  static size_t class_of(size_t bytes);
  static size_t bytes_of(size_t size_class);
  Page* take_page(size_t size_class);
  void give_page(Page* page);
  void drop_page(Page* page);
  void link_partial(Page* page);
  void unlink_partial(Page* page);
  void* allocate_large(size_t bytes);
  void release_large(void* object);

  std::array<Page*, kClasses> partial_{};  // pages with a free object
  Page* all_ = nullptr;
  Page* spare_ = nullptr;  // an empty page kept back, so that one object does not flip-flop
  Large* large_ = nullptr;
  void count(size_t bytes) {
    used_bytes_ += bytes;
    if (total_ != nullptr) *total_ += bytes;
  }
  void uncount(size_t bytes) {
    used_bytes_ -= bytes;
    if (total_ != nullptr) *total_ -= bytes;
  }

  size_t used_bytes_ = 0;
  size_t* total_ = nullptr;
  size_t page_count_ = 0;
};

// Bytes of address space in pages handed out to all slabs of the process.
size_t slab_pages_bytes();

}  // namespace larder
