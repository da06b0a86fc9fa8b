#include "storage/slab.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace larder::slab_test {
namespace {

struct Object {
  char* at;
  size_t bytes;
  char fill;
};

Object make_object(Slab& slab, size_t bytes, char fill) {
  auto* at = static_cast<char*>(slab.allocate(bytes));
  std::memset(at, fill, bytes);
  return {at, bytes, fill};
}

bool intact(const Object& object) {
  for (size_t i = 0; i < object.bytes; ++i) {
    if (object.at[i] != object.fill) return false;
  }
  return true;
}

TEST(Slab, rounds_up_by_an_eighth_at_the_most) {
  for (size_t bytes = 1; bytes <= Slab::kSmallMax; ++bytes) {
    const size_t usable = Slab::usable(bytes);
    ASSERT_GE(usable, bytes);
    ASSERT_EQ(usable % 8, 0U);
    ASSERT_LE(usable - bytes, bytes <= 256 ? 7 : bytes / 8) << bytes;
    ASSERT_EQ(Slab::usable(usable), usable) << bytes;
  }
  for (const size_t bytes : {Slab::kSmallMax + 1, size_t{100'000}, size_t{5'000'000}}) {
    EXPECT_GE(Slab::usable(bytes), bytes);
    EXPECT_LE(Slab::usable(bytes), bytes + 4096);
  }
}

TEST(Slab, is_aligned_to_eight) {
  Slab slab;
  for (size_t bytes = 1; bytes < 100'000; bytes += 37) {
    const auto address = reinterpret_cast<uintptr_t>(slab.allocate(bytes));
    ASSERT_EQ(address % 8, 0U) << bytes;
  }
}

TEST(Slab, counts_what_it_really_gave) {
  Slab slab;
  void* small = slab.allocate(100);
  void* large = slab.allocate(100'000);
  EXPECT_EQ(slab.used_bytes(), Slab::usable(100) + Slab::usable(100'000));
  slab.release(large, 100'000);
  slab.release(small, 100);
  EXPECT_EQ(slab.used_bytes(), 0U);
}

// So many objects of a class lie loose before it gets a page.
size_t loose_of(size_t bytes) { return (bytes <= 128 ? 4096 : 16'384) / Slab::usable(bytes); }

TEST(Slab, a_class_gets_its_first_page_when_it_can_fill_one) {
  for (const size_t bytes : {8, 88, 128, 136, 1000, 4096}) {
    Slab slab;
    for (size_t i = 0; i < loose_of(bytes); ++i) (void)slab.allocate(bytes);
    EXPECT_EQ(slab.page_bytes(), 0U) << bytes;
    EXPECT_EQ(slab.used_bytes(), loose_of(bytes) * Slab::usable(bytes)) << bytes;
    EXPECT_EQ(slab.overhead_bytes(), loose_of(bytes) * 32) << bytes;
    (void)slab.allocate(bytes);
    EXPECT_GT(slab.page_bytes(), 0U) << bytes;
  }
}

TEST(Slab, loose_objects_and_those_in_pages_are_told_apart) {
  Slab slab;
  std::vector<Object> objects;
  for (size_t i = 0; i < 3 * loose_of(200); ++i) {
    objects.push_back(make_object(slab, 200, static_cast<char>(i)));
  }
  EXPECT_FALSE(slab.should_leave(objects.back().at, 200));
  EXPECT_TRUE(slab.should_leave(objects.front().at, 200)) << "there are pages for it";
  for (size_t i = 0; i < objects.size(); i += 2) slab.release(objects[i].at, 200);
  for (size_t i = 1; i < objects.size(); i += 2) {
    ASSERT_TRUE(intact(objects[i]));
    slab.release(objects[i].at, 200);
  }
  slab.trim();
  EXPECT_EQ(slab.used_bytes() + slab.overhead_bytes() + slab.page_bytes(), 0U);
}

TEST(Slab, pages_go_back_when_they_are_empty) {
  const size_t before = slab_pages_bytes();
  Slab slab;
  std::vector<void*> objects;
  for (int i = 0; i < 10'000; ++i) objects.push_back(slab.allocate(256));
  EXPECT_GE(slab.page_bytes(), (10'000 - loose_of(256)) * 256);
  EXPECT_EQ(slab_pages_bytes() - before, slab.page_bytes());
  for (void* object : objects) slab.release(object, 256);
  EXPECT_LE(slab.page_bytes(), 64U * 1024) << "one is kept for the next object";
  slab.trim();
  EXPECT_EQ(slab.page_bytes(), 0U);
  EXPECT_EQ(slab_pages_bytes(), before);
}

TEST(Slab, objects_leave_pages_full_of_holes) {
  Slab slab;
  std::vector<Object> objects;
  for (int i = 0; i < 8'000; ++i) {
    objects.push_back(make_object(slab, 200, static_cast<char>(i)));
  }
  std::vector<Object> left;
  for (size_t i = 0; i < objects.size(); ++i) {
    i % 10 == 0 ? left.push_back(objects[i]) : slab.release(objects[i].at, 200);
  }
  const size_t before = slab.page_bytes();
  EXPECT_GT(slab.spare_bytes(), before / 2);
  for (Object& object : left) {
    if (!slab.should_leave(object.at, 200)) continue;
    const Object moved = make_object(slab, 200, object.fill);
    slab.release(object.at, 200);
    object = moved;
  }
  slab.end_compaction();
  EXPECT_LT(slab.page_bytes(), before / 5);
  EXPECT_LT(slab.spare_bytes(), slab.page_bytes() / 4);
  for (const Object& object : left) {
    ASSERT_TRUE(intact(object));
    slab.release(object.at, 200);
  }
  slab.trim();
  EXPECT_EQ(slab.page_bytes(), 0U);
}

TEST(Slab, a_page_that_is_left_takes_objects_again_at_the_end) {
  Slab slab;
  for (size_t i = 0; i < loose_of(200); ++i) (void)slab.allocate(200);
  std::vector<void*> objects;
  for (int i = 0; i < 400; ++i) objects.push_back(slab.allocate(200));
  for (size_t i = 0; i < objects.size(); ++i) {
    if (i % 4 != 0) slab.release(objects[i], 200);
  }
  const size_t before = slab.page_bytes();
  for (size_t i = 0; i < objects.size(); i += 4) (void)slab.should_leave(objects[i], 200);
  slab.end_compaction();
  for (int i = 0; i < 290; ++i) (void)slab.allocate(200);
  EXPECT_EQ(slab.page_bytes(), before);
}

TEST(Slab, segments_of_tables_fill_cache_lines) {
  Slab slab;
  for (const size_t bytes : {128U, 192U, 1152U, 3584U, 8768U}) {
    void* const segment = slab.allocate_segment(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(segment) % 64, 0U) << bytes;
    EXPECT_EQ(slab.used_bytes(), bytes);
    slab.release(segment, bytes);
  }
}

TEST(Slab, one_object_to_and_fro_takes_no_new_page) {
  Slab slab;
  for (size_t i = 0; i < loose_of(64); ++i) (void)slab.allocate(64);
  slab.release(slab.allocate(64), 64);
  const size_t pages = slab_pages_bytes();
  for (int i = 0; i < 1000; ++i) slab.release(slab.allocate(64), 64);
  EXPECT_EQ(slab_pages_bytes(), pages);
}

TEST(Slab, everything_goes_with_it) {
  const size_t before = slab_pages_bytes();
  {
    Slab slab;
    for (size_t bytes = 1; bytes < 60'000; bytes += 101) slab.allocate(bytes);
  }
  EXPECT_EQ(slab_pages_bytes(), before);
}

RC_GTEST_PROP(SlabProperty, objects_never_overlap, ()) {
  Slab slab;
  std::vector<Object> objects;
  size_t usable = 0;
  const auto sizes = *rc::gen::container<std::vector<size_t>>(
      1000, rc::gen::oneOf(rc::gen::inRange<size_t>(1, 300), rc::gen::inRange<size_t>(1, 20'000)));
  char fill = 0;
  for (const size_t size : sizes) {
    // About a third of the steps give one back.
    if (size % 3 == 0 && !objects.empty()) {
      const size_t at = size % objects.size();
      RC_ASSERT(intact(objects[at]));
      usable -= Slab::usable(objects[at].bytes);
      slab.release(objects[at].at, objects[at].bytes);
      objects[at] = objects.back();
      objects.pop_back();
    } else {
      objects.push_back(make_object(slab, size, ++fill));
      usable += Slab::usable(size);
    }
    RC_ASSERT(slab.used_bytes() == usable);
  }
  for (const Object& object : objects) RC_ASSERT(intact(object));
}

}  // namespace
}  // namespace larder::slab_test
