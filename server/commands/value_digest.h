// The digest of a value that DEBUG DIGEST and DIGEST-VALUE tell, the same as Redis's: test suites
// and tools compare it between servers. SHA-1 put together in two ways:
//
//   mixed in order   digest = SHA1(digest ^ SHA1(bytes))   lists, streams, a pair's two halves
//   added            digest = digest ^ SHA1(bytes)         members of sets, pairs, keys
//
// Fields' own expiries are not part of it: Redis 7.2 has none.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "storage/keyspace.h"

namespace larder {

class Digest {
 public:
  void add(Bytes bytes);
  void mix(Bytes bytes);
  // Four bytes, most significant first.
  void mix_number(uint32_t number);
  void add(const Digest& other) { add(other.bytes()); }
  // Adds what was added to an empty digest.
  void join(const Digest& other) { join(other.sum_); }
  std::string hex() const;

 private:
  using Sum = std::array<uint8_t, 20>;

  static Sum sha1(Bytes bytes);
  void join(const Sum& sum) {
    for (size_t i = 0; i < sum_.size(); ++i) sum_[i] ^= sum[i];
  }
  Bytes bytes() const { return {reinterpret_cast<const char*>(sum_.data()), sum_.size()}; }

  Sum sum_{};
};

// Mixes the value of `item`, which is there, into `digest`. Cost: O(N).
void mix_value(Digest& digest, Keyspace& keys, const Key& key, Item item, int64_t now_ms);

}  // namespace larder
