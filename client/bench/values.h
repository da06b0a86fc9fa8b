// What the keys are called and what stands in their values. The number of a key decides both, so
// every client and every later run knows what a value must be (--verify).
//
//   key 12 of "key:" and 7 digits:   key:0000012
//   value:                           |8 letters of the key|a piece of the pool of random letters|
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "client/bench/distribution.h"

namespace larder::bench {

struct KeyNames {
  std::string prefix = "key:";
  uint64_t first = 0;   // number of the first key
  unsigned digits = 0;  // filled with zeros, so that all keys are of one length

  size_t bytes() const { return prefix.size() + digits; }
  // Writes the digits of the key `first` + `key`.
  void write_digits(uint64_t key, char* out) const {
    uint64_t left = first + key;
    for (unsigned i = digits; i > 0; --i) {
      out[i - 1] = static_cast<char>('0' + left % 10);
      left /= 10;
    }
  }
};

// Digits that the decimal form of `number` has.
unsigned digits_of(uint64_t number);

struct SizeRange {
  uint64_t first = 64;
  uint64_t last = 64;
};

// Reads "64" or "16-4096". The error is a sentence.
Result<SizeRange, std::string> parse_size_range(Bytes text);

class Values {
 public:
  Values(const SizeRange& sizes, const Distribution& distribution);

  // Bytes of the value of a key.
  size_t size_of(uint64_t key) const {
    if (sizes_.first == sizes_.last) return sizes_.first;
    Random random(key);
    return sizes_.first + picker_.at(random);
  }
  // Writes size_of(key) bytes.
  void write(uint64_t key, size_t size, char* out) const;
  bool matches(uint64_t key, Bytes value) const;

 private:
  static constexpr size_t kMarkBytes = 8;
  // Few enough to stay in the processor's cache.
  static constexpr size_t kPoolBytes = 64 * 1024;

  static void write_mark(uint64_t mixed, char* out);
  Bytes piece(uint64_t mixed, size_t size) const { return Bytes(pool_).substr(mixed >> 48, size); }

  SizeRange sizes_;
  Picker picker_;
  std::string pool_;
};

}  // namespace larder::bench
