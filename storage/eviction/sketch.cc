#include "storage/eviction/sketch.h"

#include <algorithm>

#include "storage/eviction/pieces.h"

namespace larder {
namespace {

constexpr uint64_t kLowThreeBits = 0x7777777777777777;

}  // namespace

void Sketch::resize(size_t keys) {
  if (keys <= keys_ && keys >= keys_ / 2) return;
  keys_ = keys + keys / 8 + 1;
  words_ = ZeroedArray<uint64_t>(std::max<size_t>(keys_ * kCountersPerKey / kCountersPerWord, 4));
  additions_ = 0;
}

std::string Sketch::piece(size_t number, size_t bytes_max) const {
  return piece_of(std::span<const uint64_t>(words_), number, bytes_max);
}

void Sketch::add_piece(Bytes piece) {
  if (!add_piece_to(arriving_, piece)) return;
  words_ = ZeroedArray<uint64_t>(std::span<const uint64_t>(arriving_));
  arriving_ = {};
  keys_ = words_.size() * kCountersPerWord / kCountersPerKey;
  additions_ = keys_ * kAdditionsPerKey / 2;  // between two halvings, somewhere
}

Sketch::Nibble Sketch::nibble(uint64_t hash, unsigned row) const {
  constexpr uint64_t kSeeds[kRows] = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb,
                                      0xd6e8feb86659fd93};
  const uint64_t mixed = (hash ^ hash >> 29) * kSeeds[row];
  const auto word = static_cast<size_t>((mixed >> 32) * words_.size() >> 32);
  return {word, static_cast<unsigned>(mixed >> 8 & (kCountersPerWord - 1)) * 4};
}

unsigned Sketch::count(uint64_t hash) const {
  if (words_.empty()) return 0;
  unsigned least = 15;
  for (unsigned row = 0; row < kRows; ++row) {
    const Nibble at = nibble(hash, row);
    least = std::min(least, static_cast<unsigned>(words_[at.word] >> at.shift & 15));
  }
  return least;
}

void Sketch::add(uint64_t hash) {
  if (words_.empty()) return;
  const unsigned least = count(hash);
  if (least < 15) {
    for (unsigned row = 0; row < kRows; ++row) {
      const Nibble at = nibble(hash, row);
      if ((words_[at.word] >> at.shift & 15) == least) words_[at.word] += uint64_t{1} << at.shift;
    }
  }
  if (++additions_ >= keys_ * kAdditionsPerKey) halve();
}

void Sketch::halve() {
  for (uint64_t& word : words_) word = word >> 1 & kLowThreeBits;
  additions_ /= 2;
}

}  // namespace larder
