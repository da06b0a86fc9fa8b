// Which keys were evicted lately: 16-bit fingerprints, no keys.
//
//   bucket: | newest | ... | oldest |   8 fingerprints of 2 bytes; 0 is none
//
// A key's bucket is chosen by its hash; a new fingerprint pushes the oldest of the bucket out. With
// as many fingerprints as the cache has objects it does what an exact ghost queue does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/eviction/pieces.h"
#include "storage/eviction/zeroed_array.h"

namespace larder {

class Ghost {
 public:
  // Makes room for about `keys`; what is remembered is kept while the size changes little.
  void resize(size_t keys);
  void add(uint64_t hash);
  // Whether the key was evicted lately; it is forgotten.
  bool take(uint64_t hash);
  bool contains(uint64_t hash) const;
  // Forgets the oldest of one bucket, `which` chooses.
  void drop_one(uint64_t which);
  void clear();
  // For a file: what is remembered, in pieces. Empty: that was all. A ghost made of them knows the
  // same keys where keys have the same hashes; with only some of them it changes nothing.
  std::string piece(size_t number, size_t bytes_max) const;
  void add_piece(Bytes piece);
  size_t pieces(size_t bytes_max) const {
    const size_t most = (bytes_max - kPieceHeadBytes) / sizeof(Bucket);
    return (buckets_.size() + most - 1) / most;
  }
  size_t size() const { return size_; }
  size_t capacity() const { return buckets_.size() * kWays; }
  size_t memory_bytes() const { return buckets_.bytes(); }

 private:
  static constexpr unsigned kWays = 8;
  using Bucket = std::array<uint16_t, kWays>;

  static uint16_t fingerprint(uint64_t hash) {
    return static_cast<uint16_t>((hash & 0xffff) != 0 ? hash & 0xffff : 1);
  }
  size_t index(uint64_t hash) const;

  ZeroedArray<Bucket> buckets_;
  std::vector<Bucket> arriving_;  // of pieces, until all have come
  size_t size_ = 0;
};

}  // namespace larder
