// Lays decoded values out in a keyspace, in the encodings that the limits ask for.
#pragma once

#include "storage/keyspace.h"
#include "storage/list.h"
#include "storage/pack_limits.h"
#include "storage/rdb/value.h"
#include "storage/set.h"
#include "storage/sorted_sets.h"
#include "storage/streams.h"

namespace larder {

// Up to where values of each type stay small.
struct ValueLimits {
  PackLimits hash;
  SetLimits set;
  SortedSetLimits sorted_set;
  ListLimits list;
  StreamLimits stream;
};

struct StoredValue {
  bool ok = false;  // false: the value can't be (a member twice, nothing in it); nothing changed
  Item item;        // null: all fields of the hash were due
};

// What becomes of the fields of a hash that are due when it is stored. Who has more to run on the
// data keeps them: what comes next may give them a later time.
enum class DueFields : uint8_t { left_out, kept };

// Stores a value under a key in place of `old` (may be null). A hash of which nothing is kept is
// stored nowhere, and `old` is removed.
StoredValue put_rdb_value(Keyspace& keys, const Key& key, Item old, const RdbValue& value,
                          const ValueLimits& limits, int64_t expiry_ms, int64_t now_ms,
                          DueFields due_fields = DueFields::left_out);

}  // namespace larder
