// Randomness: a seed from the kernel and a fast generator for sampling. Not for secrets, except
// random_hex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace larder {

// 64 bits from the kernel.
uint64_t random_seed();
// `digits` hex digits from the kernel: run ids, tokens.
std::string random_hex(size_t digits);

// splitmix64. Source: S. Vigna, https://prng.di.unimi.it/splitmix64.c (public domain algorithm)
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 .. n-1, n > 0.
  uint64_t below(uint64_t n) {
    return next() % n;  // the bias is n / 2^64
  }

 private:
  uint64_t state_;
};

}  // namespace larder
