// A key together with its hash, which is computed once per request and travels with it.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/hash.h"

namespace larder {

struct Key {
  Bytes name;
  uint64_t hash = 0;

  static Key of(Bytes name) { return {name, hash_of(name)}; }
};

}  // namespace larder
