#include <algorithm>

#include "storage/rdb/value.h"

namespace larder {

char* RdbArena::take(size_t bytes) {
  if (chunks_.empty() || bytes > chunks_.back().size - used_) {
    const size_t size = std::max(bytes, kChunkBytes);
    chunks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    used_ = 0;
  }
  char* piece = chunks_.back().bytes.get() + used_;
  used_ += bytes;
  bytes_ += bytes;
  return piece;
}

Bytes RdbArena::keep(Bytes bytes) {
  char* piece = take(bytes.size());
  std::memcpy(piece, bytes.data(), bytes.size());
  return {piece, bytes.size()};
}

Bytes RdbArena::adopt(std::string bytes) {
  bytes_ += bytes.size();
  return large_.emplace_back(std::move(bytes));
}

void RdbArena::clear() {
  large_.clear();
  used_ = bytes_ = 0;
  if (chunks_.empty()) return;
  if (chunks_.front().size > kChunkBytes) return chunks_.clear();
  chunks_.resize(1);
}

}  // namespace larder
