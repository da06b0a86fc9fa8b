// Memory for entries and values: one slab per keyspace, used under its shard's lock, so it needs
// no atomics, knows its usage to the byte and gives a flushed keyspace back page by page instead
// of entry by entry.
//
//   page (aligned): | header 64 B | object | object | ... |
//   A page holds objects of one size class. Classes: multiples of 8 up to 256 bytes, then eight
//   per doubling up to 4 KiB, so rounding costs 6% on average and 12.5% at the most.
//   Larger requests go to malloc and are chained, so that they can be dropped as a whole too.
//   The first objects of a class lie loose in malloc's heap, which all slabs share: with values of
//   all sizes each of many slabs would have a page that is half empty for each of many classes.
//
// Pages come from a process-wide pool (page_pool.h) and return to it, and their memory to the
// kernel, as soon as their last object is released. Idea: J. Bonwick, "The Slab Allocator", USENIX
// 1994.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "storage/page_pool.h"

namespace larder {

class Slab {
 public:
  static constexpr size_t kSmallMax = 4 * 1024;

  Slab() = default;
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // Returns memory for `bytes` (at least 1), aligned to 8. Never fails: out of
  // memory ends the process, as the memory limit is kept by eviction and not
  // here.
  void* allocate(size_t bytes);
  // `bytes` may be any size that lies in the same class as the one allocated: small and large
  // objects are told apart by it.
  void release(void* object, size_t bytes);

  // What allocate(bytes) really takes.
  static size_t usable(size_t bytes);

  // The same, aligned to cache lines when `bytes` fill some; never loose.
  void* allocate_segment(size_t bytes);

  size_t used_bytes() const { return used_bytes_; }  // sum of usable sizes
  // Counts this slab's used bytes in `total` too, from now on and what there
  // is; null: no more.
  void count_in(size_t* total);
  // What loose objects take beyond that.
  size_t overhead_bytes() const { return loose_count_ * kLooseOverhead; }
  size_t page_bytes() const { return page_bytes_; }  // of its pages

  // Compaction: values of other sizes came, and pages of the old size are full of holes. Whoever
  // knows all that points to an object asks whether it should leave its page, and if so allocates
  // it anew and releases it here. Pages that objects leave get no new ones until the end.
  bool should_leave(void* object, size_t bytes);
  void end_compaction();
  // Free places in pages, but for the page of each class that is being filled.
  size_t spare_bytes() const;
  // Gives the page that is kept for the next class in need back to the pool.
  void trim();

 private:
  struct Page;
  struct Large;
  struct Loose;
  // Two pointers, malloc's length and what it rounds up.
  static constexpr size_t kLooseOverhead = 32;
  static constexpr size_t kTinyClasses = 16;
  static constexpr size_t kClasses = 32 + 4 * 8;

  static size_t class_of(size_t bytes);
  static size_t bytes_of(size_t size_class);
  // Index of a class's pool, whose pages are of 16 KiB << index. Each shard has a half filled page
  // for each class in use, so pages are small; objects up to 128 bytes are many, and the header and
  // the rest of a page count for them.
  static size_t pool_of(size_t size_class) {
    return size_class < kTinyClasses ? 1 : 0;
  }
  static size_t page_bytes_of(size_t size_class) {
    return size_t{16 * 1024} << pool_of(size_class);
  }
  // How many objects of a class lie loose before it gets its first page.
  static size_t loose_max(size_t size_class);
  void* allocate_in(size_t size_class);
  void release_in(size_t size_class, void* object);
  Page* take_page(size_t size_class);
  void give_page(Page* page);
  // Of pages with free objects: those that are to be filled, or those that objects leave.
  Page*& list_of(const Page& page);
  void drop_page(Page* page);
  void link_partial(Page* page);
  void unlink_partial(Page* page);
  void* allocate_large(size_t bytes);
  void release_large(void* object);
  bool is_loose(size_t size_class, const void* object) const;
  void* allocate_loose(size_t size_class);
  void release_loose(size_t size_class, void* object);

  std::array<Page*, kClasses> partial_{};  // pages with a free object
  Page* leaving_ = nullptr;                // pages that objects leave
  Page* all_ = nullptr;
  Page* spare_ = nullptr;  // an empty page kept back, so that one object does not flip-flop
  Large* large_ = nullptr;
  Loose* loose_ = nullptr;
  struct ClassCounts {
    uint32_t pages = 0;
    uint32_t loose = 0;
  };
  std::array<ClassCounts, kClasses> counts_{};
  size_t loose_count_ = 0;
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
  size_t page_bytes_ = 0;
  size_t large_bytes_ = 0;  // of used_bytes_, outside pages
};

// Bytes of address space in pages handed out to all slabs of the process.
size_t slab_pages_bytes();

}  // namespace larder
