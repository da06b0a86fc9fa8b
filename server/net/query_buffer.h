// The bytes a client sent and that are not run yet: one contiguous buffer, so that arguments are
// views into it. It starts at 16 KiB, doubles for large requests, is made to measure for a big
// argument, and goes back when it is empty, a very large one at once, others within 100 ms or so:
// to 2 KiB, which a client that waits for each reply hardly fills, so that in a cache of a few MB
// clients leave room for keys; once a read has filled that, it has 16 KiB again. A client that
// sends much in a row keeps its buffer.
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
  static constexpr size_t kFirstBytes = 16 * 1024;
  static constexpr size_t kLeastBytes = 2 * 1024;

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
  void fit(RequestParser& parser) { move_to(size_ - parser.position(), parser); }

  // Drops what the parser has consumed and makes room for `wanted` more bytes.
  void make_room(RequestParser& parser, size_t wanted) {
    const size_t dropped = parser.position();
    const size_t kept = size_ - dropped;
    const size_t needed = kept + wanted;
    const bool was_filled = free_bytes() == 0;  // or there is none yet: more is likely to come
    const bool shrinks = kept == 0 && wanted <= kFirstBytes && is_too_large_for(wanted);
    may_shrink_ = false;
    if (shrinks) return move_to(std::max(wanted, kLeastBytes), parser);
    if (dropped == 0 && needed <= capacity_) return;
    const size_t enough = was_filled ? std::max(needed, kFirstBytes) : needed;
    if (enough > capacity_) {
      const bool to_measure = wanted >= kBigBulkBytes;
      return move_to(to_measure ? needed : std::max(enough, 2 * capacity_), parser);
    }
    std::memmove(data_.get(), data_.get() + dropped, kept);
    parser.moved(data_.get(), dropped, data_.get());
    size_ = kept;
  }

 private:
  static constexpr size_t kKeptBytesMax = 1024 * 1024;

  bool is_too_large_for(size_t wanted) const {
    return capacity_ > kKeptBytesMax || (may_shrink_ && capacity_ > std::max(wanted, kLeastBytes));
  }

  // What the parser has not consumed goes to a buffer of so many bytes.
  void move_to(size_t capacity, RequestParser& parser) {
    const size_t dropped = parser.position();
    const size_t kept = size_ - dropped;
    std::unique_ptr<char[]> fresh(new char[capacity]);  // not zeroed: pages are taken as touched
    if (kept > 0) std::memcpy(fresh.get(), data_.get() + dropped, kept);
    parser.moved(data_.get(), dropped, fresh.get());
    data_.swap(fresh);
    size_ = kept;
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool may_shrink_ = false;
};

}  // namespace larder
