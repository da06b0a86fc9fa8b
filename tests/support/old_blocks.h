// Blocks as servers of old wrote them, for tests of what reads them. See storage/rdb/blocks.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/numbers.h"
#include "storage/packed_value.h"

namespace larder::old_blocks {

inline void put(std::string& out, uint64_t value, unsigned width) {
  out.append(reinterpret_cast<const char*>(&value), width);
}

// One entry of a ziplist without the length of the one before.
inline std::string ziplist_entry(Bytes text) {
  std::string entry;
  const PackedValue value = PackedValue::of(text);
  if (value.is_integer) {
    const int64_t integer = value.integer;
    const auto bits = static_cast<uint64_t>(integer);
    if (integer >= 0 && integer <= 12) {
      put(entry, 0xf1 + bits, 1);
    } else if (integer == static_cast<int8_t>(integer)) {
      put(entry, 0xfe, 1), put(entry, bits, 1);
    } else if (integer == static_cast<int16_t>(integer)) {
      put(entry, 0xc0, 1), put(entry, bits, 2);
    } else if (integer >= -(1 << 23) && integer < 1 << 23) {
      put(entry, 0xf0, 1), put(entry, bits, 3);
    } else if (integer == static_cast<int32_t>(integer)) {
      put(entry, 0xd0, 1), put(entry, bits, 4);
    } else {
      put(entry, 0xe0, 1), put(entry, bits, 8);
    }
    return entry;
  }
  if (text.size() < 64) {
    put(entry, text.size(), 1);
  } else if (text.size() < 16384) {
    put(entry, 0x40 | text.size() >> 8, 1), put(entry, text.size(), 1);
  } else {
    put(entry, 0x80, 1);
    for (int shift = 24; shift >= 0; shift -= 8) put(entry, text.size() >> shift, 1);
  }
  return entry.append(text);
}

inline std::string ziplist(const std::vector<std::string>& texts) {
  std::string list(10, '\0');
  size_t before = 0;
  for (const std::string& text : texts) {
    const size_t begin = list.size();
    if (before < 254) {
      put(list, before, 1);
    } else {
      put(list, 0xfe, 1), put(list, before, 4);
    }
    list += ziplist_entry(text);
    before = list.size() - begin;
  }
  const auto tail = static_cast<uint32_t>(list.size() - before);
  put(list, 0xff, 1);
  store(list.data(), static_cast<uint32_t>(list.size()));
  store(list.data() + 4, tail);
  store(list.data() + 8, static_cast<uint16_t>(texts.size()));
  return list;
}

// Fields and values in turn, each value with some bytes to spare.
inline std::string zipmap(const std::vector<std::string>& texts) {
  std::string map;
  put(map, texts.size() / 2, 1);
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].size() < 254) {
      put(map, texts[i].size(), 1);
    } else {
      put(map, 254, 1), put(map, texts[i].size(), 4);
    }
    const size_t spare = i % 4 == 3 ? 2 : 0;
    if (i % 2 == 1) put(map, spare, 1);
    map += texts[i];
    map.append(spare, '?');
  }
  put(map, 0xff, 1);
  return map;
}

}  // namespace larder::old_blocks
