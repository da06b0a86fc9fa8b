#include "base/sha1.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace larder {
namespace {

constexpr size_t kBlock = 64;

uint32_t big_endian(const char* at) { return __builtin_bswap32(load<uint32_t>(at)); }

struct Sha1 {
  std::array<uint32_t, 5> h{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

  void block(const char* data) {
    std::array<uint32_t, 80> w;
    for (size_t i = 0; i < 16; ++i) w[i] = big_endian(data + 4 * i);
    for (size_t i = 16; i < 80; ++i) {
      w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    auto [a, b, c, d, e] = h;
    for (size_t i = 0; i < 80; ++i) {
      const uint32_t mixed = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                             : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                             : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                      : (b ^ c ^ d) + 0xca62c1d6;
      const uint32_t next = std::rotl(a, 5) + mixed + e + w[i];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    h = {h[0] + a, h[1] + b, h[2] + c, h[3] + d, h[4] + e};
  }

  // The last bytes, a one bit, zeros and the length in bits.
  void finish(Bytes rest, uint64_t size) {
    std::array<char, 2 * kBlock> tail{};
    std::copy(rest.begin(), rest.end(), tail.begin());
    tail[rest.size()] = static_cast<char>(0x80);
    const size_t blocks = rest.size() + 1 + sizeof size > kBlock ? 2 : 1;
    store(tail.data() + blocks * kBlock - sizeof size, __builtin_bswap64(size * 8));
    for (size_t i = 0; i < blocks; ++i) block(tail.data() + i * kBlock);
  }
};

}  // namespace

Sha1Text sha1_text(Bytes bytes) {
  Sha1 sha;
  const size_t size = bytes.size();
  for (; bytes.size() >= kBlock; bytes.remove_prefix(kBlock)) sha.block(bytes.data());
  sha.finish(bytes, size);
  Sha1Text text;
  for (size_t i = 0; i < text.size(); ++i) {
    text[i] = "0123456789abcdef"[sha.h[i / 8] >> (28 - i % 8 * 4) & 15];
  }
  return text;
}

}  // namespace larder
