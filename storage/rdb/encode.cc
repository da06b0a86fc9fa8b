#include "storage/rdb/encode.h"

#include <liblzf/lzf.h>

#include <bit>
#include <limits>

#include "base/numbers.h"

namespace larder::rdb {
namespace {

constexpr uint8_t kInt8 = 0xc0;
constexpr uint8_t kInt16 = 0xc1;
constexpr uint8_t kInt32 = 0xc2;
constexpr uint8_t kLzf = 0xc3;
// Shorter strings gain nothing from compression, longer ones liblzf can't take.
constexpr size_t kCompressMin = 21;
constexpr size_t kCompressMax = std::numeric_limits<unsigned>::max() / 2;
constexpr size_t kIntegerTextMax = 11;

template <typename T>
bool fits(int64_t value) {
  return value == static_cast<T>(value);
}

template <typename T>
void put_big_endian(std::string& out, T value) {
  for (int shift = 8 * (sizeof value - 1); shift >= 0; shift -= 8) {
    put_byte(out, static_cast<uint8_t>(value >> shift));
  }
}

bool try_integer(std::string& out, int64_t value) {
  if (fits<int8_t>(value)) {
    put_byte(out, kInt8);
    put_fixed(out, static_cast<int8_t>(value));
  } else if (fits<int16_t>(value)) {
    put_byte(out, kInt16);
    put_fixed(out, static_cast<int16_t>(value));
  } else if (fits<int32_t>(value)) {
    put_byte(out, kInt32);
    put_fixed(out, static_cast<int32_t>(value));
  } else {
    return false;
  }
  return true;
}

// Compresses into the end of `out`, where the result stays if it is shorter.
bool try_compressed(std::string& out, Bytes bytes) {
  constexpr size_t kHeadMax = 11;  // the form's byte and two lengths
  const size_t before = out.size();
  const size_t room = bytes.size() - 4;  // as Redis: four bytes at least must be gained
  out.resize(before + kHeadMax + room);
  const unsigned packed = lzf_compress(bytes.data(), static_cast<unsigned>(bytes.size()),
                                       out.data() + before + kHeadMax, static_cast<unsigned>(room));
  if (packed == 0) {
    out.resize(before);
    return false;
  }
  std::string head;  // short enough to need no allocation
  put_byte(head, kLzf);
  put_length(head, packed);
  put_length(head, bytes.size());
  std::memcpy(out.data() + before, head.data(), head.size());
  std::memmove(out.data() + before + head.size(), out.data() + before + kHeadMax, packed);
  out.resize(before + head.size() + packed);
  return true;
}

}  // namespace

void put_length(std::string& out, uint64_t length) {
  if (length < 64) {
    put_byte(out, static_cast<uint8_t>(length));
  } else if (length < 16384) {
    put_byte(out, static_cast<uint8_t>(0x40 | length >> 8));
    put_byte(out, static_cast<uint8_t>(length));
  } else if (length <= std::numeric_limits<uint32_t>::max()) {
    put_byte(out, 0x80);
    put_big_endian(out, static_cast<uint32_t>(length));
  } else {
    put_byte(out, 0x81);
    put_big_endian(out, length);
  }
}

void put_string(std::string& out, Bytes bytes, RdbCompression compression) {
  if (bytes.size() <= kIntegerTextMax && !bytes.empty()) {
    const auto integer = parse_int64(bytes);
    if (integer && try_integer(out, *integer)) return;
  }
  const bool fits_lzf = bytes.size() >= kCompressMin && bytes.size() <= kCompressMax;
  const bool later = compression.later != nullptr && fits_lzf;
  if (compression.on && fits_lzf && !later && try_compressed(out, bytes)) return;
  const size_t length_at = out.size();
  put_length(out, bytes.size());
  const size_t begin = out.size();
  out.append(bytes);
  if (later) compression.later->push_back({length_at, begin, out.size()});
}

void put_integer(std::string& out, int64_t value) {
  if (try_integer(out, value)) return;
  IntegerText text;
  const size_t size = format_int64(value, text.text);
  put_length(out, size);
  out.append(text.text, size);
}

std::string compress_noted(Bytes text, std::span<const RdbStringPlace> notes) {
  std::string out;
  out.reserve(text.size());
  size_t done = 0;
  for (const RdbStringPlace& place : notes) {
    out.append(text, done, place.length_at - done);
    put_string(out, text.substr(place.begin, place.end - place.begin), true);
    done = place.end;
  }
  out.append(text, done);
  return out;
}

}  // namespace larder::rdb
