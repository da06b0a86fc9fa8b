// How often a key was asked for lately, about: a count-min sketch of 4-bit counters that are halved
// every so often, so that old popularity fades.
//
// Source: G. Einziger, R. Friedman, B. Manes, "TinyLFU: A Highly Efficient Cache Admission Policy",
// ACM Transactions on Storage 2017.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/eviction/zeroed_array.h"

namespace larder {

class Sketch {
 public:
  // Fits a cache of `keys` objects.
  void resize(size_t keys);
  void add(uint64_t hash);
  unsigned count(uint64_t hash) const;  // 0 .. 15
  // For a file, as Ghost has it.
  std::string piece(size_t number, size_t bytes_max) const;
  void add_piece(Bytes piece);
  size_t memory_bytes() const { return words_.bytes(); }

 private:
  static constexpr unsigned kRows = 4;
  static constexpr unsigned kAdditionsPerKey = 10;  // until counters are halved

  // A row's counter: a nibble of some word.
  struct Nibble {
    size_t word;
    unsigned shift;
  };
  Nibble nibble(uint64_t hash, unsigned row) const;
  void halve();

  static constexpr size_t kCountersPerKey = 8;
  static constexpr size_t kCountersPerWord = 16;

  ZeroedArray<uint64_t> words_;
  std::vector<uint64_t> arriving_;  // of pieces, until all have come
  size_t keys_ = 0;
  size_t additions_ = 0;
};

}  // namespace larder
