// Redis's listpack, the block of small collections in RDB files:
//
//   | bytes 4 | count 2 | entry | entry | ... | 0xff |
//   entry: | head | bytes | length of both, read backwards |
//
//   head  0xxxxxxx            an integer, 0 to 127
//         10xxxxxx            a string of up to 63 bytes
//         110xxxxx xxxxxxxx   an integer of 13 bits
//         1110xxxx xxxxxxxx   a string of up to 4095 bytes
//         0xf0 4 bytes        a string
//         0xf1 .. 0xf4        an integer of 2, 3, 4, 8 bytes
//
// Source: https://github.com/antirez/listpack/blob/master/listpack.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "storage/packed_value.h"

namespace larder {

class ListpackWriter {
 public:
  ListpackWriter() { bytes_.resize(kHeadBytes); }

  void add(const PackedValue& value) {
    value.is_integer ? add_integer(value.integer) : add_string(value.string);
  }
  // The text of an integer becomes the integer.
  void add(Bytes value) { add(PackedValue::of(value)); }
  void add_integer(int64_t value);
  void add_string(Bytes value);

  size_t size_bytes() const { return bytes_.size(); }
  size_t count() const { return count_; }
  // Ends the listpack; the writer begins the next one when it is cleared.
  Bytes finish();
  void clear() {
    bytes_.resize(kHeadBytes);
    count_ = 0;
  }

 private:
  static constexpr size_t kHeadBytes = 6;

  void end_entry(size_t begin);

  std::string bytes_;
  size_t count_ = 0;
};

}  // namespace larder
