// Streams as RDB files have them: a tree of listpacks, ids, consumer groups.
//
//   node    key: first id, 16 bytes big endian | listpack: head, entry, entry, ...
//   head    entries, deleted, number of fields, field, ..., 0
//   entry   flags, ms and seq beyond the key's, [number of pairs], [field,] value, ..., count
//   flags   1: deleted, 2: the fields are the head's and only values follow
#pragma once

#include "storage/rdb/reader.h"
#include "storage/rdb/value.h"

namespace larder {

// `version` 1 to 3: of Redis 5, 7.0, 7.2. Fills value.stream, which is there, and value.items.
void read_rdb_stream(RdbReader& reader, unsigned version, RdbArena& arena, RdbValue& value);

}  // namespace larder
