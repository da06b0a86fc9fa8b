#include "storage/rdb/listpack_writer.h"

#include <algorithm>

namespace larder {
namespace {

constexpr uint8_t kEnd = 0xff;

void put(std::string& out, uint64_t byte) { out.push_back(static_cast<char>(byte)); }

void put_little_endian(std::string& out, int64_t value, unsigned width) {
  out.append(reinterpret_cast<const char*>(&value), width);
}

bool fits(int64_t value, unsigned bits) {
  const int64_t half = int64_t{1} << (bits - 1);
  return value >= -half && value < half;
}

}  // namespace

void ListpackWriter::add_integer(int64_t value) {
  const size_t begin = bytes_.size();
  if (value >= 0 && value <= 127) {
    put(bytes_, static_cast<uint64_t>(value));
  } else if (fits(value, 13)) {
    const uint64_t bits = static_cast<uint64_t>(value) & 0x1fff;
    put(bytes_, 0xc0 | bits >> 8);
    put(bytes_, bits & 255);
  } else {
    const unsigned width = fits(value, 16) ? 2 : fits(value, 24) ? 3 : fits(value, 32) ? 4 : 8;
    put(bytes_, width == 8 ? 0xf4 : 0xf1 + (width - 2));
    put_little_endian(bytes_, value, width);
  }
  end_entry(begin);
}

void ListpackWriter::add_string(Bytes value) {
  const size_t begin = bytes_.size();
  if (value.size() < 64) {
    put(bytes_, 0x80 | value.size());
  } else if (value.size() < 4096) {
    put(bytes_, 0xe0 | value.size() >> 8);
    put(bytes_, value.size() & 255);
  } else {
    put(bytes_, 0xf0);
    put_little_endian(bytes_, static_cast<int64_t>(value.size()), 4);
  }
  bytes_.append(value);
  end_entry(begin);
}

// Seven bits a byte, the highest first; all but the first byte have the top bit set.
void ListpackWriter::end_entry(size_t begin) {
  const uint64_t length = bytes_.size() - begin;
  // The limits are Redis's, which leaves the last number of each width unused.
  const unsigned groups = length <= 127        ? 1
                          : length < 16383     ? 2
                          : length < 2097151   ? 3
                          : length < 268435455 ? 4
                                               : 5;
  for (unsigned i = 0; i < groups; ++i) {
    const uint64_t bits = length >> (7 * (groups - 1 - i)) & 127;
    put(bytes_, i == 0 ? bits : bits | 128);
  }
  ++count_;
}

Bytes ListpackWriter::finish() {
  constexpr size_t kCountUnknown = 65535;
  put(bytes_, kEnd);
  store(bytes_.data(), static_cast<uint32_t>(bytes_.size()));
  store(bytes_.data() + 4, static_cast<uint16_t>(std::min(count_, kCountUnknown)));
  return bytes_;
}

}  // namespace larder
