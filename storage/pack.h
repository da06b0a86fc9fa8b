// A pack: a short sequence of byte strings in one run of bytes, the form of small hashes, sets and
// sorted sets (lists have blocks, list_block.h). It is the entry's payload, so a small collection
// is one allocation.
//
//   | head | bytes | head | bytes | ...
//
//   head 0x00..0x7f   a string of that many bytes
//        0x80..0xef   an integer, 0 to 111; no bytes follow
//        0xf0..0xf5   an integer of 1, 2, 3, 4, 6 or 8 bytes, little endian
//        0xf8         a string; a length of 2 bytes follows
//        0xf9         a string; a length of 4 bytes follows
//        0xfa, 0xfb   a string that FieldNames has under the number in the next 1, 2 bytes
//
// A string that is the exact decimal text of an int64 is kept as the integer. Every value has one
// form (a name two), so that values are compared by their bytes.
// There is no length at an item's end, so a pack is read forwards only: that saves a byte an item,
// and packs are short (`*-max-listpack-*`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/numbers.h"
#include "storage/packed_value.h"

namespace larder {

class Pack {
 public:
  // An item where it stands.
  struct Item : PackedValue {
    size_t at = 0;    // offset of its head
    size_t size = 0;  // head, length and bytes

    size_t end() const { return at + size; }
  };

  explicit Pack(Bytes bytes) : bytes_(bytes) {}

  // The item at an offset, which must be the start of one.
  Item at(size_t offset) const;
  bool is_end(size_t offset) const { return offset >= bytes_.size(); }
  size_t size_bytes() const { return bytes_.size(); }
  // Number of items. Cost: O(N).
  size_t count() const;
  // The item of an index; nothing behind the end. Cost: O(N).
  std::optional<Item> item(size_t index) const;
  // The first item equal to `wanted` among those at index 0, step, 2 * step, ...
  std::optional<Item> find(Bytes wanted, size_t step = 1) const;
  struct Search {
    std::optional<Item> item;
    size_t passed = 0;  // items before it; all when it is not there
  };
  // The same for the name of a field.
  Search search_name(Bytes wanted, size_t step) const;

  // Appends an item in the shortest form.
  static void append(std::string& out, Bytes value);
  // The same for the name of a hash's field, which many hashes may have.
  static void append_name(std::string& out, Bytes name);
  // Appends a string as it is, even if it is the text of an integer (scores use
  // it).
  static void append_raw(std::string& out, Bytes value);
  static void append_integer(std::string& out, int64_t value);
  // `value` in the form in which an item would hold it, for comparisons.
  static PackedValue form_of(Bytes value) { return PackedValue::of(value); }

 private:
  template <typename Equals>
  Search search(size_t step, Equals equals) const;

  Bytes bytes_;
};

}  // namespace larder
