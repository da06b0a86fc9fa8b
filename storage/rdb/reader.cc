#include "storage/rdb/reader.h"

#include <liblzf/lzf.h>

#include <algorithm>

#include "base/numbers.h"
#include "storage/rdb/crc64.h"

namespace larder {
namespace {

// Strings up to this size are allocated at once; longer ones grow as their bytes come.
constexpr size_t kTrustedBytes = 1024 * 1024;
// The most that LZF makes of a byte: three bytes name a repetition of 264.
constexpr uint64_t kLzfGainMax = 88;

template <typename T>
T big_endian(const char* from) {
  T value = 0;
  for (size_t i = 0; i < sizeof value; ++i) {
    value = static_cast<T>(value << 8 | static_cast<uint8_t>(from[i]));
  }
  return value;
}

}  // namespace

RdbReader::RdbReader(Source& source, bool with_checksum, size_t buffer_bytes)
    : source_(source),
      with_checksum_(with_checksum),
      buffer_bytes_(buffer_bytes),
      buffer_(std::make_unique_for_overwrite<char[]>(buffer_bytes)) {}

void RdbReader::fail(const char* what) { fail_at(offset(), what); }

void RdbReader::fail_at(uint64_t offset, const char* what) {
  if (error_.empty()) error_ = "offset " + std::to_string(offset) + ": " + what;
}

bool RdbReader::refill() {
  sum_up(end_);
  base_ += end_;
  at_ = summed_ = 0;
  end_ = source_.read(buffer_.get(), buffer_bytes_);
  return end_ > 0;
}

void RdbReader::sum_up(size_t end) {
  if (with_checksum_) crc_ = crc64(crc_, {buffer_.get() + summed_, end - summed_});
  summed_ = end;
}

uint64_t RdbReader::checksum() {
  sum_up(at_);
  return crc_;
}

bool RdbReader::at_end() { return at_ == end_ && !refill(); }

uint8_t RdbReader::byte() {
  char value = 0;
  bytes(&value, 1);
  return static_cast<uint8_t>(value);
}

void RdbReader::bytes(char* into, size_t count) {
  while (count > 0) {
    if (!ok()) {
      std::memset(into, 0, count);
      return;
    }
    if (at_ == end_ && !refill()) {
      fail("the bytes end too early");
      continue;
    }
    const size_t taken = std::min(count, end_ - at_);
    std::memcpy(into, buffer_.get() + at_, taken);
    at_ += taken;
    into += taken;
    count -= taken;
  }
}

RdbReader::Length RdbReader::any_length() {
  const uint8_t head = byte();
  char rest[8];
  switch (head >> 6) {
    case 0:
      return {uint64_t{head} & 63, false};
    case 1:
      return {(uint64_t{head} & 63) << 8 | byte(), false};
    case 3:
      return {uint64_t{head} & 63, true};
    default:
      break;
  }
  if (head == 0x80) {
    bytes(rest, 4);
    return {big_endian<uint32_t>(rest), false};
  }
  if (head == 0x81) {
    bytes(rest, 8);
    return {big_endian<uint64_t>(rest), false};
  }
  fail("this is no length");
  return {};
}

uint64_t RdbReader::length() {
  const Length length = any_length();
  if (length.special) fail("a length was expected, not a string in a special form");
  return ok() ? length.value : 0;
}

Bytes RdbReader::string(RdbArena& arena) {
  const Length length = any_length();
  if (!ok()) return {};
  if (!length.special) return raw_string(arena, length.value);
  switch (length.value) {
    case 0:
      return integer_string(arena, fixed<int8_t>());
    case 1:
      return integer_string(arena, fixed<int16_t>());
    case 2:
      return integer_string(arena, fixed<int32_t>());
    case 3:
      return lzf_string(arena);
    default:
      fail("no string has this form");
      return {};
  }
}

void RdbReader::skip_string() {
  RdbArena arena;
  (void)string(arena);
}

Bytes RdbReader::integer_string(RdbArena& arena, int64_t value) {
  if (!ok()) return {};
  char* text = arena.take(kInt64TextMax);
  const size_t size = format_int64(value, text);
  arena.give_back(kInt64TextMax - size);
  return {text, size};
}

Bytes RdbReader::raw_string(RdbArena& arena, uint64_t size) {
  if (size > kRdbStringMax) {
    fail("the string is too long");
    return {};
  }
  if (size <= kTrustedBytes) {
    char* piece = arena.take(size);
    bytes(piece, size);
    return ok() ? Bytes{piece, size} : Bytes{};
  }
  std::string grown;
  while (grown.size() < size && ok()) {
    const size_t had = grown.size();
    grown.resize(std::min<size_t>(size, had + std::max(had, kTrustedBytes)));
    bytes(grown.data() + had, grown.size() - had);
  }
  return ok() ? arena.adopt(std::move(grown)) : Bytes{};
}

Bytes RdbReader::lzf_string(RdbArena& arena) {
  const uint64_t packed_size = length();
  const uint64_t size = length();
  if (!ok()) return {};
  if (packed_size == 0 || size == 0 || size > kRdbStringMax || size / kLzfGainMax > packed_size) {
    fail("the lengths of a compressed string can't be");
    return {};
  }
  RdbArena packed_arena;
  const Bytes packed = raw_string(packed_arena, packed_size);
  if (!ok()) return {};
  char* piece = arena.take(size);
  const unsigned got = lzf_decompress(packed.data(), static_cast<unsigned>(packed.size()), piece,
                                      static_cast<unsigned>(size));
  if (got != size) fail("the compressed string is broken");
  return ok() ? Bytes{piece, size} : Bytes{};
}

}  // namespace larder
