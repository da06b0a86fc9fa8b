// Reads the RDB format's pieces from a source. The first thing that is wrong is latched with its
// offset, and from then on everything reads as zero, so that callers check once.
//
// No length is believed before its bytes have come: memory grows with what was read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "storage/rdb/format.h"
#include "storage/rdb/io.h"
#include "storage/rdb/value.h"

namespace larder {

class RdbReader {
 public:
  static constexpr size_t kBufferBytes = 128 * 1024;

  // `with_checksum`: the CRC of all that is read is kept.
  explicit RdbReader(Source& source, bool with_checksum = true, size_t buffer_bytes = kBufferBytes);

  bool ok() const { return error_.empty(); }
  // "offset 123: what is wrong".
  const std::string& error() const { return error_; }
  void fail(const char* what);
  void fail_at(uint64_t offset, const char* what);
  uint64_t offset() const { return base_ + at_; }
  // Nothing is left. Waits for a byte or the end.
  bool at_end();

  uint8_t byte();
  // A number of fixed width, little endian.
  template <typename T>
  T fixed() {
    T value{};
    bytes(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }
  void bytes(char* into, size_t count);
  uint64_t length();
  // A string of any form; lives in the arena.
  Bytes string(RdbArena& arena);
  void skip_string();
  // The CRC of all up to here.
  uint64_t checksum();
  // What was read from the source and not asked for.
  Bytes rest() const { return {buffer_.get() + at_, end_ - at_}; }

 private:
  struct Length {
    uint64_t value = 0;
    bool special = false;
  };
  Length any_length();
  bool refill();
  Bytes raw_string(RdbArena& arena, uint64_t size);
  Bytes integer_string(RdbArena& arena, int64_t value);
  Bytes lzf_string(RdbArena& arena);
  void sum_up(size_t end);

  Source& source_;
  const bool with_checksum_;
  const size_t buffer_bytes_;
  std::unique_ptr<char[]> buffer_;
  size_t at_ = 0;
  size_t end_ = 0;
  size_t summed_ = 0;  // up to here the buffer is in crc_
  uint64_t base_ = 0;  // offset of the buffer
  uint64_t crc_ = 0;
  std::string error_;
};

// Reads a value of a type and checks it; its bytes live in the arena. False: the reader says what
// is wrong.
bool read_rdb_value(RdbReader& reader, RdbType type, RdbArena& arena, RdbValue& value);

}  // namespace larder
