// The bytes a client sent and that are not run yet: one contiguous buffer, so that arguments are
// views into it. It starts at 2 KiB, which a client that waits for each reply never fills, and so
// that a cache of a few MB has room for more than its clients; one that a read has filled makes
// place for 16 KiB. It doubles for large requests, is made to measure for a big argument and goes
// back to its first size when it is empty, a very large one at once, others within 100 ms or so: a
// client that sends much in a row keeps its buffer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

#include "base/bytes.h"
#include "protocol/limits.h"
#include "protocol/request_parser.h"

namespace larder {

class QueryBuffer {
 public:
  static constexpr size_t kFirstBytes = 2 * 1024;
  static constexpr size_t kPipelineBytes = 16 * 1024;

  Bytes bytes() const { return {data_.get(), size_}; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  char* free_begin() { return data_.get() + size_; }
  size_t free_bytes() const { return capacity_ - size_; }
  void filled(size_t bytes) { size_ += bytes; }
  // The next make_room may go back to the first size.
  void let_shrink() { may_shrink_ = true; }

  // Gives the memory back; everything in it must be consumed.
  void release(RequestParser& parser) {
    parser.release();
    parser.moved(data_.get(), parser.position(), nullptr);
    data_.reset();
    size_ = capacity_ = 0;
  }

  // Gives back what is free, of a client that announced much and does not send it.
  void fit(RequestParser& parser) {
    const size_t dropped = parser.position();
    const size_t kept = size_ - dropped;
    std::unique_ptr<char[]> fresh(new char[kept]);
    std::memcpy(fresh.get(), data_.get() + dropped, kept);
    parser.moved(data_.get(), dropped, fresh.get());
    data_.swap(fresh);
    size_ = capacity_ = kept;
  }

  // Drops what the parser has consumed and makes room for `wanted` more bytes.
  void make_room(RequestParser& parser, size_t wanted) {
    const size_t dropped = parser.position();
    const size_t kept = size_ - dropped;
    const size_t needed = kept + wanted;
    const bool is_small = capacity_ > 0 && free_bytes() == 0 && capacity_ < kPipelineBytes;
    if (kept == 0 && wanted <= kPipelineBytes && is_too_large_for(wanted)) capacity_ = 0;
    may_shrink_ = false;
    if (dropped == 0 && needed <= capacity_) return;
    if (needed <= capacity_ && !is_small) {
      std::memmove(data_.get(), data_.get() + dropped, kept);
      parser.moved(data_.get(), dropped, data_.get());
    } else {
      const size_t next = wanted >= kBigBulkBytes ? needed : std::max(needed, 2 * capacity_);
      const size_t capacity = std::max(next, is_small ? kPipelineBytes : kFirstBytes);
      std::unique_ptr<char[]> fresh(new char[capacity]);  // not zeroed: pages are taken as touched
      if (kept > 0) std::memcpy(fresh.get(), data_.get() + dropped, kept);
      parser.moved(data_.get(), dropped, fresh.get());
      data_.swap(fresh);
      capacity_ = capacity;
    }
    size_ = kept;
  }

 private:
  static constexpr size_t kKeptBytesMax = 1024 * 1024;

  bool is_too_large_for(size_t wanted) const {
    return capacity_ > kKeptBytesMax ||
           (may_shrink_ && capacity_ > std::max(wanted, kFirstBytes));
  }

  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool may_shrink_ = false;
};

}  // namespace larder
