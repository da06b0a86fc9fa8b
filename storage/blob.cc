#include "storage/blob.h"

#include <malloc.h>

#include <cstdlib>
#include <new>

#include "base/check.h"

namespace larder {

Blob* Blob::make(size_t bytes, size_t capacity) {
  DCHECK(capacity >= bytes);
  void* memory = std::malloc(sizeof(Blob) + capacity);
  CHECK(memory != nullptr);
  Blob* blob = new (memory) Blob;
  blob->size_ = bytes;
  blob->capacity_ = malloc_usable_size(memory) - sizeof(Blob);
  return blob;
}

void Blob::drop(Blob* blob) {
  if (blob->refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (blob->left_store_) {
    left_over_bytes_.fetch_sub(static_cast<int64_t>(blob->memory_bytes()),
                               std::memory_order_relaxed);
  }
  blob->~Blob();
  std::free(blob);
}

void Blob::leave_store() {
  if (refs() == 1) return;
  left_store_ = true;
  left_over_bytes_.fetch_add(static_cast<int64_t>(memory_bytes()), std::memory_order_relaxed);
}

std::shared_ptr<const void> Blob::share() {
  add_ref();
  return {static_cast<const void*>(this), [this](const void*) { drop(this); }};
}

}  // namespace larder
