// A value as it stands in a file, decoded and checked, on its way into a keyspace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/entry.h"
#include "storage/stream_id.h"

namespace larder {

// Memory for decoded bytes: they stay where they are until clear().
class RdbArena {
 public:
  // Room for `bytes` bytes.
  char* take(size_t bytes);
  Bytes keep(Bytes bytes);
  // The same for bytes that somebody else has gathered; they are moved in.
  Bytes adopt(std::string bytes);
  // Gives the end of the last piece back.
  void give_back(size_t bytes) {
    used_ -= bytes;
    bytes_ -= bytes;
  }
  // All that was taken.
  size_t bytes() const { return bytes_; }
  // Everything is forgotten; one chunk is kept for the next values.
  void clear();

 private:
  static constexpr size_t kChunkBytes = 256 * 1024;

  struct Chunk {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };
  std::vector<Chunk> chunks_;  // the last one is being filled
  size_t used_ = 0;            // of the last one
  size_t bytes_ = 0;
  std::deque<std::string> large_;
};

struct RdbStream {
  struct Entry {
    StreamId id;
    size_t first = 0;  // of its fields and values in RdbValue::items
    size_t count = 0;
  };
  struct Pending {
    StreamId id;
    int64_t delivered_ms = 0;
    uint64_t deliveries = 0;
    uint32_t consumer = kNobody;  // index in its group
  };
  static constexpr uint32_t kNobody = UINT32_MAX;
  struct Consumer {
    Bytes name;
    int64_t seen_ms = 0;
    int64_t active_ms = -1;
  };
  struct Group {
    Bytes name;
    StreamId last_id;
    int64_t entries_read = -1;
    std::vector<Pending> pending;  // by id
    std::vector<Consumer> consumers;
  };
  std::vector<Entry> entries;
  StreamId last_id;
  StreamId max_deleted_id;
  uint64_t entries_added = 0;
  std::vector<Group> groups;
};

struct RdbValue {
  Type type = Type::string;
  Bytes string;                // of a string
  std::vector<Bytes> items;    // items; members; field, value, field, ...; of a stream all of them
  std::vector<double> scores;  // of the members of a sorted set
  std::vector<int64_t> expiries_ms;  // of the fields of a hash; empty: none has one
  std::unique_ptr<RdbStream> stream;
};

}  // namespace larder
