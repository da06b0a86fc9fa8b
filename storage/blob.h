// A large byte string outside its entry, counted, so that a reply can refer to it without a copy
// while the store goes on.
//
// References are only ever added under the lock of the shard that holds it; they are dropped
// anywhere. So whoever holds the lock and sees refs() == 1 may change the bytes in place.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "base/bytes.h"

namespace larder {

class Blob {
 public:
  // A new blob with one reference and undefined bytes.
  static Blob* make(size_t bytes, size_t capacity);
  // Drops a reference; the last one frees the memory. Cost: for many MB this takes the kernel
  // milliseconds, so the store hands such blobs to its reclaimer instead of dropping them inline.
  static void drop(Blob* blob);

  void add_ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
  // Adds a reference that lives as long as the returned pointer.
  std::shared_ptr<const void> share();
  uint32_t refs() const { return refs_.load(std::memory_order_acquire); }

  Bytes bytes() const { return {data_, size_}; }
  char* data() { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  void set_size(size_t size) { size_ = size; }
  // Bytes taken from the system, this header included.
  size_t memory_bytes() const { return capacity_ + sizeof(Blob); }

  // The store gives up its reference, while others may have some: until the last of them is
  // dropped the blob counts as left over.
  void leave_store();
  // Of all blobs that replies keep although no key has them (any more).
  static int64_t left_over_bytes() { return left_over_bytes_.load(std::memory_order_relaxed); }

 private:
  Blob() = default;

  static inline std::atomic<int64_t> left_over_bytes_{0};

  std::atomic<uint32_t> refs_{1};
  bool left_store_ = false;
  size_t size_ = 0;
  size_t capacity_ = 0;
  char data_[1];
};

}  // namespace larder
