#include "storage/slab.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "storage/page_pool.h"

namespace larder {

namespace {
constexpr uint32_t kPageHeaderBytes = 64;
// Large objects are rounded up to cache lines, from 64 KiB on to pages of the system.
constexpr size_t kLineBytes = 64;
constexpr size_t kLinewiseMax = 64 * 1024;
// About what a page that is being filled takes for nothing. Small objects would pay most for lying
// loose, and are soon many.
constexpr size_t kTinyLooseBytes = 4 * 1024;
constexpr size_t kLooseBytes = 16 * 1024;
// Objects leave a page of which less than so much is in use.
constexpr uint32_t kEighthsMin = 7;

template <typename Chained>
void free_all(Chained* first) {
  while (first != nullptr) {
    Chained* const next = first->next;
    std::free(first);
    first = next;
  }
}

}  // namespace

struct Slab::Page {
  uint32_t size_class;
  uint32_t object_bytes;
  uint32_t used;       // objects handed out
  uint32_t bump;       // offset of the first object never handed out
  uint32_t free_head;  // offset of the first released object, 0 for none; each holds the next
  bool in_partial;     // in a list of pages with free objects
  bool leaving;        // in leaving_, and not in partial_[size_class]
  Page* next;
  Page* prev;
  Page* next_all;
  Page* prev_all;

  uint32_t capacity() const {
    return static_cast<uint32_t>(page_bytes_of(size_class) - kPageHeaderBytes) / object_bytes;
  }
  bool full() const { return free_head == 0 && bump + object_bytes > page_bytes_of(size_class); }
};

struct alignas(64) Slab::Large {
  Large* next;
  Large* prev;
  size_t bytes;
};

// Before the object.
struct Slab::Loose {
  Loose* next;
  Loose* prev;
};

size_t slab_pages_bytes() {
  size_t bytes = 0;
  for (const PagePool& pool : page_pools()) bytes += pool.bytes_out();
  return bytes;
}

size_t Slab::class_of(size_t bytes) {
  if (bytes <= 256) return (bytes + 7) / 8 - 1;
  const size_t log = static_cast<size_t>(std::bit_width(bytes - 1)) - 1;  // 2^log <= bytes - 1
  const size_t eighth = ((bytes - 1) >> (log - 3)) & 7;
  return 32 + (log - 8) * size_t{8} + eighth;
}

size_t Slab::bytes_of(size_t size_class) {
  if (size_class < 32) return (size_class + 1) * 8;
  const size_t log = 8 + (size_class - 32) / 8;
  return (size_t{1} << log) + ((size_class - 32) % 8 + 1) * (size_t{1} << (log - 3));
}

size_t Slab::usable(size_t bytes) {
  if (bytes <= kSmallMax) return bytes_of(class_of(bytes));
  const size_t step = bytes <= kLinewiseMax ? kLineBytes : 4096;
  return (bytes + sizeof(Large) + step - 1) / step * step - sizeof(Large);
}

void* Slab::allocate(size_t bytes) {
  DCHECK(bytes > 0);
  if (bytes > kSmallMax) return allocate_large(bytes);
  const size_t size_class = class_of(bytes);
  if (partial_[size_class] == nullptr) [[unlikely]] {
    const ClassCounts& counts = counts_[size_class];
    if (counts.pages == 0 && counts.loose < loose_max(size_class)) {
      return allocate_loose(size_class);
    }
  }
  return allocate_in(size_class);
}

void* Slab::allocate_segment(size_t bytes) {
  return bytes > kSmallMax ? allocate_large(bytes) : allocate_in(class_of(bytes));
}

void* Slab::allocate_in(size_t size_class) {
  Page* page = partial_[size_class];
  if (page == nullptr) page = take_page(size_class);
  uint32_t offset = page->free_head;
  char* base = reinterpret_cast<char*>(page);
  if (offset != 0) {
    page->free_head = *reinterpret_cast<uint32_t*>(base + offset);
  } else {
    offset = page->bump;
    page->bump += page->object_bytes;
  }
  // The next free object, read by the next call and written by who gets it, was left long ago.
  __builtin_prefetch(base + page->free_head, 1);
  ++page->used;
  count(page->object_bytes);
  if (page->full()) unlink_partial(page);
  return base + offset;
}

void Slab::release(void* object, size_t bytes) {
  if (bytes > kSmallMax) return release_large(object);
  const size_t size_class = class_of(bytes);
  is_loose(size_class, object) ? release_loose(size_class, object)
                               : release_in(size_class, object);
}

void Slab::release_in(size_t size_class, void* object) {
  const auto address = reinterpret_cast<uintptr_t>(object);
  const uintptr_t offset_mask = page_bytes_of(size_class) - 1;
  auto* page = reinterpret_cast<Page*>(address & ~offset_mask);
  DCHECK(page->size_class == size_class);
  *static_cast<uint32_t*>(object) = page->free_head;
  page->free_head = static_cast<uint32_t>(address & offset_mask);
  uncount(page->object_bytes);
  if (!page->in_partial) link_partial(page);
  if (--page->used == 0) give_page(page);
}

Slab::Page* Slab::take_page(size_t size_class) {
  static_assert(sizeof(Page) <= kPageHeaderBytes);
  Page* page = nullptr;
  if (spare_ != nullptr && pool_of(spare_->size_class) == pool_of(size_class)) {
    page = std::exchange(spare_, nullptr);
  } else {
    page = static_cast<Page*>(page_pools()[pool_of(size_class)].take());
    page_bytes_ += page_bytes_of(size_class);
    page->prev_all = nullptr;
    page->next_all = all_;
    if (all_ != nullptr) all_->prev_all = page;
    all_ = page;
  }
  ++counts_[size_class].pages;
  page->size_class = static_cast<uint32_t>(size_class);
  page->object_bytes = static_cast<uint32_t>(bytes_of(size_class));
  page->used = 0;
  page->bump = kPageHeaderBytes;
  page->free_head = 0;
  page->in_partial = false;
  page->leaving = false;
  link_partial(page);
  return page;
}

void Slab::give_page(Page* page) {
  unlink_partial(page);
  --counts_[page->size_class].pages;
  if (spare_ == nullptr) {
    spare_ = page;
  } else {
    drop_page(page);
  }
}

void Slab::drop_page(Page* page) {
  if (page->prev_all != nullptr) page->prev_all->next_all = page->next_all;
  if (page->next_all != nullptr) page->next_all->prev_all = page->prev_all;
  if (all_ == page) all_ = page->next_all;
  page_bytes_ -= page_bytes_of(page->size_class);
  page_pools()[pool_of(page->size_class)].give(page);
}

void Slab::count_in(size_t* total) {
  if (total_ != nullptr) *total_ -= used_bytes_;
  total_ = total;
  if (total_ != nullptr) *total_ += used_bytes_;
}

void Slab::trim() {
  if (spare_ != nullptr) drop_page(spare_);
  spare_ = nullptr;
}

Slab::Page*& Slab::list_of(const Page& page) {
  return page.leaving ? leaving_ : partial_[page.size_class];
}

bool Slab::should_leave(void* object, size_t bytes) {
  if (bytes > kSmallMax) return false;
  const size_t size_class = class_of(bytes);
  if (is_loose(size_class, object)) return counts_[size_class].pages != 0;
  const auto address = reinterpret_cast<uintptr_t>(object);
  auto* page = reinterpret_cast<Page*>(address & ~(page_bytes_of(size_class) - 1));
  if (page->leaving) return true;
  if (!page->in_partial || page == partial_[size_class]) return false;
  if (page->used * 8 >= page->capacity() * kEighthsMin) return false;
  unlink_partial(page);
  page->leaving = true;
  link_partial(page);
  return true;
}

void Slab::end_compaction() {
  while (leaving_ != nullptr) {
    Page* page = leaving_;
    unlink_partial(page);
    page->leaving = false;
    link_partial(page);
  }
}

size_t Slab::spare_bytes() const {
  size_t bytes = page_bytes_ - (used_bytes_ - large_bytes_);
  for (size_t i = 0; i < kClasses; ++i) {
    if (partial_[i] != nullptr) bytes -= std::min(bytes, page_bytes_of(i));
  }
  return bytes;
}

void Slab::link_partial(Page* page) {
  Page*& head = list_of(*page);
  page->prev = nullptr;
  page->next = head;
  if (head != nullptr) head->prev = page;
  head = page;
  page->in_partial = true;
}

void Slab::unlink_partial(Page* page) {
  if (page->prev != nullptr) page->prev->next = page->next;
  if (page->next != nullptr) page->next->prev = page->prev;
  if (Page*& head = list_of(*page); head == page) head = page->next;
  page->in_partial = false;
}

void* Slab::allocate_large(size_t bytes) {
  const size_t usable_bytes = usable(bytes);
  void* const memory = std::aligned_alloc(alignof(Large), usable_bytes + sizeof(Large));
  auto* large = static_cast<Large*>(memory);
  CHECK(large != nullptr);
  large->bytes = usable_bytes;
  large->prev = nullptr;
  large->next = large_;
  if (large_ != nullptr) large_->prev = large;
  large_ = large;
  large_bytes_ += usable_bytes;
  count(usable_bytes);
  return large + 1;
}

void Slab::release_large(void* object) {
  Large* large = static_cast<Large*>(object) - 1;
  if (large->prev != nullptr) large->prev->next = large->next;
  if (large->next != nullptr) large->next->prev = large->prev;
  if (large_ == large) large_ = large->next;
  large_bytes_ -= large->bytes;
  uncount(large->bytes);
  std::free(large);
}

size_t Slab::loose_max(size_t size_class) {
  const size_t bytes = size_class < kTinyClasses ? kTinyLooseBytes : kLooseBytes;
  return bytes / bytes_of(size_class);
}

bool Slab::is_loose(size_t size_class, const void* object) const {
  return counts_[size_class].loose != 0 && !is_in_page_pool(object);
}

void* Slab::allocate_loose(size_t size_class) {
  auto* loose = static_cast<Loose*>(std::malloc(sizeof(Loose) + bytes_of(size_class)));
  CHECK(loose != nullptr);
  loose->prev = nullptr;
  loose->next = loose_;
  if (loose_ != nullptr) loose_->prev = loose;
  loose_ = loose;
  ++counts_[size_class].loose;
  ++loose_count_;
  count(bytes_of(size_class));
  return loose + 1;
}

void Slab::release_loose(size_t size_class, void* object) {
  Loose* loose = static_cast<Loose*>(object) - 1;
  if (loose->prev != nullptr) loose->prev->next = loose->next;
  if (loose->next != nullptr) loose->next->prev = loose->prev;
  if (loose_ == loose) loose_ = loose->next;
  --counts_[size_class].loose;
  --loose_count_;
  uncount(bytes_of(size_class));
  std::free(loose);
}

Slab::~Slab() {
  while (all_ != nullptr) {
    Page* next = all_->next_all;
    page_pools()[pool_of(all_->size_class)].give(all_);
    all_ = next;
  }
  free_all(large_);
  free_all(loose_);
}

}  // namespace larder
