// A set of shards, a bit each.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace larder {

inline constexpr unsigned kShardBitsMax = 10;

class ShardSet {
 public:
  void add(unsigned shard) { words_[shard / 64] |= bit_of(shard); }
  bool has(unsigned shard) const { return (words_[shard / 64] & bit_of(shard)) != 0; }
  void clear() { words_.fill(0); }
  const uint64_t* words() const { return words_.data(); }

  // Calls visit(shard) in ascending order until it returns false; returns whether it never did.
  template <typename Visit>
  bool all(Visit visit) const {
    for (size_t word = 0; word < words_.size(); ++word) {
      for (uint64_t left = words_[word]; left != 0; left &= left - 1) {
        if (!visit(static_cast<unsigned>(word * 64 + static_cast<size_t>(std::countr_zero(left)))))
          return false;
      }
    }
    return true;
  }
  template <typename Visit>
  void each(Visit visit) const {
    (void)all([&](unsigned shard) {
      visit(shard);
      return true;
    });
  }

 private:
  static constexpr uint64_t bit_of(unsigned shard) { return uint64_t{1} << shard % 64; }

  std::array<uint64_t, (1U << kShardBitsMax) / 64> words_{};
};

}  // namespace larder
