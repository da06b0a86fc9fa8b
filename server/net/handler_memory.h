// Memory for the one asynchronous operation of a kind that a connection has under way. asio keeps a
// block or two per thread for reuse; with hundreds of reads outstanding every one of them would
// come from malloc.
// Source: asio, "Custom memory allocation"
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace larder {

class HandlerMemory {
 public:
  void* allocate(size_t bytes) {
    if (used_ || bytes > sizeof block_) return ::operator new(bytes);
    used_ = true;
    return block_;
  }
  void deallocate(void* memory) {
    if (memory != block_) return ::operator delete(memory);
    used_ = false;
  }

 private:
  alignas(std::max_align_t) std::byte block_[192];  // a read with its handler takes about 130
  bool used_ = false;
};

template <typename T>
struct HandlerAllocator {
  using value_type = T;

  explicit HandlerAllocator(HandlerMemory& m) : memory(&m) {}
  template <typename U>
  HandlerAllocator(const HandlerAllocator<U>& other) : memory(other.memory) {}

  T* allocate(size_t count) { return static_cast<T*>(memory->allocate(count * sizeof(T))); }
  void deallocate(T* place, size_t) { memory->deallocate(place); }
  bool operator==(const HandlerAllocator&) const = default;

  HandlerMemory* memory;
};

// A completion handler whose operation lives in `memory`. The handler must keep it alive.
template <typename Handler>
class WithMemory {
 public:
  using allocator_type = HandlerAllocator<Handler>;

  WithMemory(HandlerMemory& memory, Handler handler)
      : memory_(&memory), handler_(std::move(handler)) {}
  allocator_type get_allocator() const { return allocator_type(*memory_); }

  template <typename... Args>
  void operator()(Args&&... args) {
    handler_(std::forward<Args>(args)...);
  }

 private:
  HandlerMemory* memory_;
  Handler handler_;
};

}  // namespace larder
