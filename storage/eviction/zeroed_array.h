// An array of so many zeroed elements, whose memory is taken as it is written to.
//
// Ghosts and sketches of millions of keys are made anew when a cache grows or shrinks, under the
// lock of a group: to write zeros over megabytes, page by page, would hold up everybody for
// milliseconds. A fresh mapping is zero already, and its pages come one by one, as they are used.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace larder {

template <typename Element>
class ZeroedArray {
  static_assert(std::is_trivially_copyable_v<Element>);

 public:
  ZeroedArray() = default;
  explicit ZeroedArray(size_t size) : elements_(make(size)), size_(size) {}
  explicit ZeroedArray(std::span<const Element> from) : ZeroedArray(from.size()) {
    if (size_ > 0) std::memcpy(elements_, from.data(), bytes());
  }
  ~ZeroedArray() {
    is_mapped() ? static_cast<void>(::munmap(elements_, bytes())) : std::free(elements_);
  }
  ZeroedArray(ZeroedArray&& other) noexcept { swap(other); }
  ZeroedArray& operator=(ZeroedArray&& other) noexcept {
    swap(other);
    return *this;
  }

  void swap(ZeroedArray& other) noexcept {
    std::swap(elements_, other.elements_);
    std::swap(size_, other.size_);
  }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(Element); }
  Element& operator[](size_t i) { return elements_[i]; }
  const Element& operator[](size_t i) const { return elements_[i]; }
  Element* begin() { return elements_; }
  Element* end() { return elements_ + size_; }
  const Element* begin() const { return elements_; }
  const Element* end() const { return elements_ + size_; }

 private:
  // Smaller ones are zeroed in no time.
  static constexpr size_t kMappedMin = 64 * 1024;

  bool is_mapped() const { return bytes() >= kMappedMin; }
  static Element* make(size_t size) {
    const size_t bytes = size * sizeof(Element);
    if (bytes < kMappedMin) return static_cast<Element*>(check(std::calloc(size, sizeof(Element))));
    void* mapped =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return static_cast<Element*>(check(mapped == MAP_FAILED ? nullptr : mapped));
  }
  static void* check(void* memory) {
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }

  Element* elements_ = nullptr;
  size_t size_ = 0;
};

}  // namespace larder
