#include "storage/page_pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace larder::page_pool_test {
namespace {

constexpr size_t kPageBytes = 16 * 1024;
constexpr size_t kPagesOfChunk = PagePool::kChunkBytes / kPageBytes;

// Bytes of this process in huge pages.
size_t huge_bytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string word; file >> word;) {
    if (word != "AnonHugePages:") continue;
    size_t kilobytes = 0;
    file >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

// Whether this kernel joins pages at all: tried without the pool.
bool kernel_joins() {
  const size_t bytes = 2 * PagePool::kChunkBytes;
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                            -1, 0);
  std::memset(memory, 1, bytes);
  const auto address = reinterpret_cast<uintptr_t>(memory) + PagePool::kChunkBytes - 1;
  void* const chunk = reinterpret_cast<void*>(address & ~(PagePool::kChunkBytes - 1));
  constexpr int kCollapse = 25;  // MADV_COLLAPSE
  const bool joins = madvise(chunk, PagePool::kChunkBytes, kCollapse) == 0;
  munmap(memory, bytes);
  return joins;
}

std::vector<void*> take(PagePool& pool, size_t pages, bool fill = true) {
  std::vector<void*> taken;
  for (size_t i = 0; i < pages; ++i) {
    taken.push_back(pool.take());
    if (fill) std::memset(taken.back(), static_cast<int>(i), kPageBytes);
  }
  return taken;
}

TEST(PagePool, pages_are_aligned_and_apart) {
  PagePool pool(kPageBytes);
  char* before = nullptr;
  for (void* page : take(pool, 3 * kPagesOfChunk, false)) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(page) % kPageBytes, 0U);
    EXPECT_GE(static_cast<char*>(page) - before, static_cast<ptrdiff_t>(kPageBytes));
    before = static_cast<char*>(page);
  }
  EXPECT_EQ(pool.bytes_out(), 3 * PagePool::kChunkBytes);
}

TEST(PagePool, joining_changes_no_byte) {
  PagePool pool(kPageBytes);
  const auto pages = take(pool, 4 * kPagesOfChunk);
  const size_t before = huge_bytes();
  EXPECT_GT(pool.join_some(1000), 0U);
  EXPECT_EQ(pool.join_some(1000), 0U) << "nothing was taken meanwhile";
  EXPECT_EQ(huge_bytes() - before, kernel_joins() ? 4 * PagePool::kChunkBytes : 0);
  for (size_t i = 0; i < pages.size(); ++i) {
    const std::string expected(kPageBytes, static_cast<char>(i));
    ASSERT_EQ(std::memcmp(pages[i], expected.data(), expected.size()), 0) << i;
  }
}

TEST(PagePool, what_is_given_back_of_a_joined_chunk_holds_no_memory) {
  PagePool pool(kPageBytes);
  const auto pages = take(pool, 16 * kPagesOfChunk);
  (void)pool.join_some(1000);
  const size_t before = resident_bytes();
  for (size_t i = 0; i < pages.size(); i += 2) pool.give(pages[i]);
  const size_t given = pages.size() / 2 * kPageBytes;
  EXPECT_LE(resident_bytes() + given * 9 / 10, before);
  EXPECT_EQ(static_cast<char*>(pages[1])[0], 1);
}

TEST(PagePool, a_chunk_that_is_hardly_used_stays_small) {
  PagePool pool(kPageBytes);
  const auto pages = take(pool, 4 * kPagesOfChunk, false);
  for (void* page : pages) static_cast<char*>(page)[0] = 1;
  const size_t before = resident_bytes();
  EXPECT_GT(pool.join_some(1000), 0U);
  EXPECT_LE(resident_bytes(), before + PagePool::kChunkBytes / 2);
}

// A sanitizer's malloc has no heap that grows: nothing to join, and nothing to break.
TEST(HeapJoiner, joins_what_the_heap_has_grown_by) {
  HeapJoiner joiner;
  const auto heap_end = [] { return static_cast<char*>(sbrk(0)); };
  char* const start = heap_end();
  std::vector<std::string> blocks;
  for (int i = 0; i < 1000; ++i) blocks.emplace_back(8000, static_cast<char>(i));
  const auto grown = static_cast<size_t>(heap_end() - start);
  const size_t before = huge_bytes();
  size_t seen = 0;
  for (size_t more = 1; more > 0; seen += more) more = joiner.join_some(2);
  const size_t chunks = grown / kHugePageBytes;
  EXPECT_GE(seen + 1, chunks) << "the first one may begin before the joiner was made";
  EXPECT_LE(seen, chunks + 1);
  // Of the last one malloc may not have touched all.
  if (kernel_joins()) {
    EXPECT_GE(huge_bytes() + kHugePageBytes, before + seen * kHugePageBytes);
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    ASSERT_EQ(blocks[i], std::string(8000, static_cast<char>(i))) << i;
  }
}

}  // namespace
}  // namespace larder::page_pool_test
