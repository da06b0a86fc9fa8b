// Whole RDB files: the frame around keys. What a key's bytes are is value_writer.h's matter.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "storage/rdb/format.h"
#include "storage/rdb/io.h"
#include "storage/rdb/reader.h"
#include "storage/rdb/value.h"

namespace larder {

// Facts about the file's writer ("redis-ver", "ctime", ...), in order.
using RdbFacts = std::vector<std::pair<std::string, std::string>>;

class RdbFileWriter {
 public:
  RdbFileWriter(Sink& sink, bool with_checksum) : sink_(sink), with_checksum_(with_checksum) {}

  void begin(unsigned version, const RdbFacts& facts);
  void function(Bytes code);
  // Keys that follow belong to a database. `keys` and `expiring` are hints; 0 keys: none is given.
  void select(unsigned db, size_t keys = 0, size_t expiring = 0);
  // Bytes of keys, or of a part of one.
  void write(Bytes bytes);
  // Returns false when the sink refused anything.
  bool finish();
  // False from the moment on at which the sink refused.
  bool ok() const { return ok_; }
  uint64_t bytes() const { return bytes_; }

 private:
  void flush();
  void send(Bytes bytes);
  static constexpr size_t kBufferBytes = 256 * 1024;

  Sink& sink_;
  const bool with_checksum_;
  bool ok_ = true;
  int64_t db_ = -1;
  uint64_t crc_ = 0;
  uint64_t bytes_ = 0;
  std::string buffer_;
};

// One key of a file.
struct RdbKey {
  unsigned db = 0;
  Bytes name;
  int64_t expiry_ms = kNoExpiry;
  uint64_t offset = 0;  // of its type
  int64_t idle_seconds = -1;
  int frequency = -1;
  RdbValue value;
};

// What a file says beside its keys.
class RdbNews {
 public:
  virtual ~RdbNews() = default;
  virtual void fact(Bytes /*name*/, Bytes /*value*/) {}
  virtual void sizes(unsigned /*db*/, uint64_t /*keys*/, uint64_t /*expiring*/) {}
  // The code of a function library. Returns what is wrong with it, or nothing.
  virtual std::string function(Bytes /*code*/) { return ""; }
};

class RdbFileReader {
 public:
  RdbFileReader(Source& source, RdbNews& news, bool check_sum)
      : reader_(source, check_sum), news_(news), check_sum_(check_sum) {}

  // Reads up to the next key, whose bytes live in the arena. False at the end of the file, or when
  // something is wrong: see error().
  bool next(RdbArena& arena, RdbKey& key);
  const std::string& error() const { return reader_.error(); }
  uint64_t offset() const { return reader_.offset(); }
  // Of the file; 0 before next().
  unsigned version() const { return version_; }
  // Bytes that were read behind the end.
  Bytes rest() const { return reader_.rest(); }

 private:
  bool read_head();
  // Handles a part that is no key. Returns false for a type.
  bool read_part(uint8_t opcode, RdbKey& key);
  void read_database();
  void read_function();
  void read_module_aux();
  void read_end();
  static int64_t expiry(int64_t expiry_ms);

  RdbReader reader_;
  RdbNews& news_;
  const bool check_sum_;
  unsigned version_ = 0;
  unsigned db_ = 0;
  bool ended_ = false;
  RdbArena scratch_;
};

}  // namespace larder
