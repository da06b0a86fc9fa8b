// A key whose value a command removed to put another in its place: it is no new key for those who
// listen.
#pragma once

#include "base/scoped.h"
#include "storage/keyspace.h"

namespace larder {

// While it lives, what is added to the keyspace is told only if nothing was `replaced`. Lock: the
// shard's.
class ReplacedKey {
 public:
  ReplacedKey(Keyspace& keys, bool replaced)
      : tell_(keys.services().tell_added, keys.services().tell_added && !replaced) {}

 private:
  const Scoped<bool> tell_;
};

}  // namespace larder
