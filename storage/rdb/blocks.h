// Reads the blocks that Redis has kept small collections in: listpacks, ziplists, zipmaps. Every
// length is checked against the block before it is believed.
//
//   ziplist  | bytes 4 | offset of the last 4 | count 2 | entry | entry | ... | 0xff |
//            entry: | length of the one before, 1 or 5 | head | bytes |
//   zipmap   | count | length | field | length | spare | value | spare bytes | ... | 0xff |
//
// The listpack is pictured in listpack_writer.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "storage/packed_value.h"

namespace larder {

// A position in a block. next() gives the entries one after the other; when it returns false,
// ok() tells the end from a fault.
class BlockReader {
 public:
  bool ok() const { return ok_; }

 protected:
  explicit BlockReader(Bytes bytes) : bytes_(bytes) {}
  bool fail() {
    ok_ = false;
    return false;
  }
  size_t left() const { return bytes_.size() - at_; }
  uint8_t peek() const { return static_cast<uint8_t>(bytes_[at_]); }
  // Takes `count` bytes; nothing and a fault when there are fewer.
  const char* take(size_t count);

  Bytes bytes_;
  size_t at_ = 0;
  size_t entries_ = 0;
  bool ok_ = true;
};

class ListpackReader : public BlockReader {
 public:
  explicit ListpackReader(Bytes bytes);
  bool next(PackedValue& value);
  // The next entry, which must be an integer.
  bool next_integer(int64_t& value);

 private:
  bool read_entry(PackedValue& value);
  bool check_end();
  size_t count_ = 0;
};

class ZiplistReader : public BlockReader {
 public:
  explicit ZiplistReader(Bytes bytes);
  bool next(PackedValue& value);

 private:
  bool read_entry(PackedValue& value);
  bool read_string(PackedValue& value, size_t head_bytes, size_t size);
  size_t count_ = 0;
  size_t before_ = 0;  // bytes of the entry before
};

class ZipmapReader : public BlockReader {
 public:
  explicit ZipmapReader(Bytes bytes);
  // A field and its value are two calls.
  bool next(PackedValue& value);

 private:
  bool read_size(size_t& size);
  bool is_value_ = false;
};

}  // namespace larder
