#include "base/random.h"

#include <sys/random.h>

#include "base/check.h"

namespace larder {

uint64_t random_seed() {
  uint64_t seed = 0;
  CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

std::string random_hex(size_t digits) {
  std::string text;
  while (text.size() < digits) {
    uint64_t bits = random_seed();
    for (int i = 0; i < 16 && text.size() < digits; ++i, bits >>= 4) {
      text += "0123456789abcdef"[bits & 15];
    }
  }
  return text;
}

}  // namespace larder
