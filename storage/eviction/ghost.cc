#include "storage/eviction/ghost.h"

#include <algorithm>

namespace larder {

void Ghost::resize(size_t keys) {
  const size_t now = capacity();
  // A quarter of slack, so that a cache whose size wavers forgets nothing.
  if (keys <= now && keys >= now / 2) return;
  buckets_ = ZeroedArray<Bucket>(keys / kWays + keys / (kWays * 8) + 1);
  size_ = 0;
}

size_t Ghost::index(uint64_t hash) const {
  return static_cast<size_t>((hash >> 32) * buckets_.size() >> 32);
}

void Ghost::add(uint64_t hash) {
  if (buckets_.empty()) return;
  Bucket& bucket = buckets_[index(hash)];
  if (bucket.back() == 0) ++size_;
  std::move_backward(bucket.begin(), bucket.end() - 1, bucket.end());
  bucket.front() = fingerprint(hash);
}

bool Ghost::contains(uint64_t hash) const {
  if (buckets_.empty()) return false;
  const Bucket& bucket = buckets_[index(hash)];
  return std::find(bucket.begin(), bucket.end(), fingerprint(hash)) != bucket.end();
}

bool Ghost::take(uint64_t hash) {
  if (buckets_.empty()) return false;
  Bucket& bucket = buckets_[index(hash)];
  const auto found = std::find(bucket.begin(), bucket.end(), fingerprint(hash));
  if (found == bucket.end()) return false;
  std::move(found + 1, bucket.end(), found);
  bucket.back() = 0;
  --size_;
  return true;
}

void Ghost::drop_one(uint64_t which) {
  if (buckets_.empty()) return;
  Bucket& bucket = buckets_[index(which)];
  const auto end = std::find(bucket.begin(), bucket.end(), uint16_t{0});
  if (end == bucket.begin()) return;
  *(end - 1) = 0;
  --size_;
}

std::string Ghost::piece(size_t number, size_t bytes_max) const {
  return piece_of(std::span<const Bucket>(buckets_), number, bytes_max);
}

void Ghost::add_piece(Bytes piece) {
  if (!add_piece_to(arriving_, piece)) return;
  buckets_ = ZeroedArray<Bucket>(std::span<const Bucket>(arriving_));
  arriving_ = {};
  size_ = 0;
  for (const Bucket& bucket : buckets_) {
    size_ += static_cast<size_t>(bucket.end() - std::count(bucket.begin(), bucket.end(), 0) -
                                 bucket.begin());
  }
}

void Ghost::clear() {
  std::fill(buckets_.begin(), buckets_.end(), Bucket{});
  size_ = 0;
}

}  // namespace larder
