#include "storage/rdb/blocks.h"

namespace larder {
namespace {

constexpr uint8_t kEnd = 0xff;
constexpr size_t kCountUnknown = 65535;
constexpr size_t kListpackHead = 6;
constexpr size_t kZiplistHead = 10;

uint8_t at(const char* bytes, size_t index) { return static_cast<uint8_t>(bytes[index]); }

// Bytes that a listpack entry's length takes at its end.
size_t length_bytes(size_t length) {
  if (length <= 127) return 1;
  if (length < 16383) return 2;
  if (length < 2097151) return 3;
  return length < 268435455 ? 4 : 5;
}

}  // namespace

const char* BlockReader::take(size_t count) {
  if (count > left()) {
    ok_ = false;
    return nullptr;
  }
  const char* from = bytes_.data() + at_;
  at_ += count;
  return from;
}

ListpackReader::ListpackReader(Bytes bytes) : BlockReader(bytes) {
  ok_ = bytes.size() > kListpackHead && load<uint32_t>(bytes.data()) == bytes.size();
  if (!ok_) return;
  count_ = load<uint16_t>(bytes.data() + 4);
  at_ = kListpackHead;
}

bool ListpackReader::next(PackedValue& value) {
  if (!ok_ || left() == 0) return fail();
  if (peek() == kEnd) return check_end();
  const size_t begin = at_;
  if (!read_entry(value)) return fail();
  // Its length, which is how Redis steps back over it.
  const size_t length = at_ - begin;
  const size_t groups = length_bytes(length);
  const char* back = take(groups);
  if (back == nullptr) return false;
  uint64_t said = 0;
  for (size_t i = 0; i < groups; ++i) {
    if (((at(back, i) & 128) != 0) != (i > 0)) return fail();
    said = said << 7 | (at(back, i) & 127);
  }
  ++entries_;
  return said == length || fail();
}

bool ListpackReader::check_end() {
  const bool counted = count_ == kCountUnknown || count_ == entries_;
  if (left() != 1 || !counted) ok_ = false;
  return false;
}

bool ListpackReader::next_integer(int64_t& value) {
  PackedValue entry;
  if (!next(entry) || !entry.is_integer) return fail();
  value = entry.integer;
  return true;
}

bool ListpackReader::read_entry(PackedValue& value) {
  const uint8_t head = static_cast<uint8_t>(*take(1));
  const auto string = [&](size_t size) {
    const char* from = take(size);
    value = {false, 0, from == nullptr ? Bytes{} : Bytes{from, size}};
    return from != nullptr;
  };
  const auto integer = [&](unsigned width) {
    const char* from = take(width);
    if (from != nullptr) value = {true, load_packed(from, width), {}};
    return from != nullptr;
  };
  if (head < 0x80) {
    value = {true, head, {}};
    return true;
  }
  if (head < 0xc0) return string(head & 0x3f);
  if (head < 0xf0) {
    const char* low = take(1);
    if (low == nullptr) return false;
    if (head >= 0xe0) return string(size_t{head & 15U} << 8 | at(low, 0));
    const int64_t bits = int64_t{head & 31} << 8 | at(low, 0);
    value = {true, bits >= 4096 ? bits - 8192 : bits, {}};
    return true;
  }
  switch (head) {
    case 0xf0: {
      const char* size = take(4);
      return size != nullptr && string(load<uint32_t>(size));
    }
    case 0xf1:
      return integer(2);
    case 0xf2:
      return integer(3);
    case 0xf3:
      return integer(4);
    case 0xf4:
      return integer(8);
    default:
      return false;
  }
}

ZiplistReader::ZiplistReader(Bytes bytes) : BlockReader(bytes) {
  ok_ = bytes.size() > kZiplistHead && load<uint32_t>(bytes.data()) == bytes.size() &&
        load<uint32_t>(bytes.data() + 4) < bytes.size();
  if (!ok_) return;
  count_ = load<uint16_t>(bytes.data() + 8);
  at_ = kZiplistHead;
}

bool ZiplistReader::next(PackedValue& value) {
  if (!ok_ || left() == 0) return fail();
  if (peek() == kEnd) {
    const bool counted = count_ == kCountUnknown || count_ == entries_;
    const bool tail = load<uint32_t>(bytes_.data() + 4) == at_ - before_;
    if (left() != 1 || !counted || !tail) ok_ = false;
    return false;
  }
  const size_t begin = at_;
  constexpr uint8_t kLongLength = 0xfe;
  size_t said = static_cast<uint8_t>(*take(1));
  if (said == kLongLength) {
    const char* wide = take(4);
    if (wide == nullptr) return false;
    said = load<uint32_t>(wide);
  }
  if (said != before_ || !read_entry(value)) return fail();
  before_ = at_ - begin;
  ++entries_;
  return true;
}

bool ZiplistReader::read_string(PackedValue& value, size_t head_bytes, size_t size) {
  take(head_bytes);
  const char* from = take(size);
  if (from != nullptr) value = {false, 0, {from, size}};
  return from != nullptr;
}

bool ZiplistReader::read_entry(PackedValue& value) {
  if (left() == 0) return false;
  const uint8_t head = peek();
  if (head < 0x40) return read_string(value, 1, head);
  if (head < 0x80) {
    if (left() < 2) return false;
    return read_string(value, 2, size_t{head & 63U} << 8 | at(bytes_.data(), at_ + 1));
  }
  if (head < 0xc0) {
    if (left() < 5) return false;
    size_t size = 0;
    for (size_t i = 1; i <= 4; ++i) size = size << 8 | at(bytes_.data(), at_ + i);
    return read_string(value, 5, size);
  }
  take(1);
  if (head >= 0xf1 && head <= 0xfd) {
    value = {true, head - 0xf1, {}};
    return true;
  }
  const unsigned width = head == 0xc0   ? 2
                         : head == 0xd0 ? 4
                         : head == 0xe0 ? 8
                         : head == 0xf0 ? 3
                         : head == 0xfe ? 1
                                        : 0;
  const char* from = width == 0 ? nullptr : take(width);
  if (from != nullptr) value = {true, load_packed(from, width), {}};
  return from != nullptr;
}

ZipmapReader::ZipmapReader(Bytes bytes) : BlockReader(bytes) {
  ok_ = bytes.size() >= 2;
  at_ = 1;
}

bool ZipmapReader::read_size(size_t& size) {
  constexpr uint8_t kLong = 254;
  const char* head = take(1);
  if (head == nullptr) return false;
  size = at(head, 0);
  if (size < kLong) return true;
  const char* wide = size == kLong ? take(4) : nullptr;
  if (wide == nullptr) return false;
  size = load<uint32_t>(wide);
  return true;
}

bool ZipmapReader::next(PackedValue& value) {
  if (!ok_ || left() == 0) return fail();
  if (!is_value_ && peek() == kEnd) {
    const size_t said = at(bytes_.data(), 0);
    constexpr size_t kUncounted = 254;
    if (left() != 1 || (said < kUncounted && said != entries_)) ok_ = false;
    return false;
  }
  size_t size = 0;
  if (!read_size(size)) return fail();
  size_t spare = 0;
  if (is_value_) {
    const char* byte = take(1);
    if (byte == nullptr) return false;
    spare = at(byte, 0);
    ++entries_;
  }
  const char* from = take(size);
  if (from == nullptr || take(spare) == nullptr) return fail();
  value = PackedValue::of({from, size});
  is_value_ = !is_value_;
  return true;
}

}  // namespace larder
