// Writes the value of an entry in the RDB format, big ones piece by piece: between two pieces the
// shard's lock may be given back as long as nobody changes the value.
//
// A small collection is one listpack as Redis has it; a big one is written element by element.
#pragma once

#include <cstdint>
#include <string>

#include "storage/entry.h"
#include "storage/eviction/policy.h"
#include "storage/list.h"
#include "storage/rdb/format.h"
#include "storage/stream_id.h"

namespace larder {

class Stream;
class StreamConsumer;
class StreamGroup;

class RdbValueWriter {
 public:
  // Looks at the entry here and only at the object of a big value later.
  RdbValueWriter(const Entry& entry, const RdbFormat& format);

  RdbType type() const { return type_; }
  // Appends a piece of about `bytes_wanted`, or a little more. Returns true when there is more.
  bool write_some(std::string& out, size_t bytes_wanted);
  void write_all(std::string& out) {
    while (write_some(out, SIZE_MAX)) {
    }
  }

 private:
  RdbType choose_type() const;
  void write_small(std::string& out) const;
  void write_object_head(std::string& out);
  bool write_table(std::string& out, size_t end);
  bool write_list(std::string& out, size_t end);
  bool write_sorted_set(std::string& out, size_t end);
  bool write_stream(std::string& out, size_t end);
  void write_stream_node(std::string& out, const Stream& stream, size_t block) const;
  void write_stream_facts(std::string& out, const Stream& stream) const;
  bool write_group(std::string& out, size_t end, const StreamGroup& group);
  bool write_pending(std::string& out, size_t end, const StreamGroup& group);
  bool write_consumer(std::string& out, size_t end, const StreamConsumer& consumer);

  const Entry& entry_;
  const Object* object_ = nullptr;  // of a big value
  const RdbFormat format_;
  const RdbType type_;
  bool begun_ = false;
  // How far a big value has been written.
  uint64_t cursor_ = 0;  // of a table
  size_t written_ = 0;   // members of a sorted set, blocks of a stream
  const ListBlock* block_ = nullptr;
  bool tail_begun_ = false;  // all entries of a stream are written
  size_t group_ = 0;         // that is being written
  struct GroupPlace {
    bool begun = false;
    bool pending_done = false;  // those of the group
    size_t consumer = 0;        // that is being written
    bool consumer_begun = false;
    size_t pending = 0;  // written, of the group or the consumer
    StreamId next;       // where the next of them is looked for
  };
  GroupPlace place_;
  int64_t first_expiry_ms_ = 0;
};

// Elements, with what consumer groups have pending, above which a value is written in pieces.
inline constexpr size_t kRdbPieceElements = 4096;

// Whether a value is so big that writing it at once would be felt: an object of many elements.
bool is_big_value(const Entry& entry);

// A whole key as it stands in a file: expiry, type, key, value.
// What stands before that of a key whose use is known.
void rdb_append_use(std::string& out, const EntryUse& use);
void rdb_append_key_head(std::string& out, const Entry& entry, RdbType type);

}  // namespace larder
