// A growing array whose memory is a slab's: what std::vector is, for the inside of objects (see
// Object). It also gives up elements at its front cheaply. For trivially copyable elements.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "storage/slab.h"

namespace larder {

template <typename T>
class SlabArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit SlabArray(Slab& slab) : slab_(slab) {}
  ~SlabArray() { give_back(memory_, capacity_); }
  SlabArray(const SlabArray&) = delete;
  SlabArray& operator=(const SlabArray&) = delete;

  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  T* begin() { return memory_ + begin_; }
  T* end() { return memory_ + end_; }
  const T* begin() const { return memory_ + begin_; }
  const T* end() const { return memory_ + end_; }
  T& operator[](size_t index) { return memory_[begin_ + index]; }
  const T& operator[](size_t index) const { return memory_[begin_ + index]; }
  T& back() { return memory_[end_ - 1]; }
  const T& back() const { return memory_[end_ - 1]; }
  const T& front() const { return memory_[begin_]; }

  void push_back(const T& value) { insert(size(), value); }
  void insert(size_t index, const T& value) {
    const T copy = value;
    if (end_ == capacity_) make_room();
    T* at = begin() + index;
    std::memmove(static_cast<void*>(at + 1), at, (size() - index) * sizeof(T));
    *at = copy;
    ++end_;
  }
  // Cost: O(1) for the first and the last.
  void erase(size_t index) {
    if (index == 0) {
      ++begin_;
    } else {
      T* at = begin() + index;
      std::memmove(static_cast<void*>(at), at + 1, (size() - index - 1) * sizeof(T));
      --end_;
    }
    if (empty()) clear();
  }
  void clear() {
    give_back(memory_, capacity_);
    memory_ = nullptr;
    begin_ = end_ = capacity_ = 0;
  }
  size_t memory_bytes() const { return capacity_ == 0 ? 0 : Slab::usable(capacity_ * sizeof(T)); }

 private:
  void give_back(T* memory, size_t capacity) {
    if (capacity > 0) slab_.release(memory, capacity * sizeof(T));
  }
  // Grows by half, unless a third of the array is free at its front.
  void make_room() {
    const size_t count = size();
    if (begin_ > 0 && begin_ >= capacity_ / 3) {
      std::memmove(static_cast<void*>(memory_), begin(), count * sizeof(T));
    } else {
      const size_t capacity = std::max<size_t>(4, count + count / 2);
      T* memory = static_cast<T*>(slab_.allocate(capacity * sizeof(T)));
      if (count > 0) std::memcpy(static_cast<void*>(memory), begin(), count * sizeof(T));
      give_back(memory_, capacity_);
      memory_ = memory;
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = count;
  }

  Slab& slab_;
  T* memory_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

}  // namespace larder
