// The payload of DUMP and RESTORE: one value with its type, the format's version and a checksum.
#pragma once

#include <string>

#include "storage/keyspace.h"
#include "storage/rdb/format.h"
#include "storage/rdb/value_store.h"

namespace larder {

// Cost: O(N). Under the shard's lock.
std::string dump_value(const Entry& entry, bool compress);

enum class RestoreFault : uint8_t { none, checksum, format };

struct RestoreOutcome {
  RestoreFault fault = RestoreFault::none;
  std::string why;  // with the offset
  Item item;
};
// Whether version and checksum of a payload are right. `check_sum` false: only the version.
bool is_dump_payload(Bytes payload, bool check_sum = true);
// Lays the value of a payload that passed is_dump_payload out under a key, in place of `old` (may
// be null). Changes nothing when the payload is broken.
RestoreOutcome restore_value(Keyspace& keys, const Key& key, Item old, Bytes payload,
                             const ValueLimits& limits, int64_t expiry_ms, int64_t now_ms);

}  // namespace larder
