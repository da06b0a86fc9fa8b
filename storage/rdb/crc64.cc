#include "storage/rdb/crc64.h"

#include <array>

namespace larder {
namespace {

constexpr uint64_t kPolynomial = 0x95ac9329ac4bc9b5;  // reflected

// tables[k][b]: the CRC of byte b followed by k zero bytes, so that eight bytes are taken at once.
// Idea: M. Kounavis, F. Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC
// Generation", IEEE Transactions on Computers 2008.
constexpr auto make_tables() {
  std::array<std::array<uint64_t, 256>, 8> tables{};
  for (uint64_t byte = 0; byte < 256; ++byte) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint64_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 255];
    }
  }
  return tables;
}

constexpr auto kTables = make_tables();

}  // namespace

uint64_t crc64(uint64_t crc, Bytes bytes) {
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    crc ^= load<uint64_t>(at);
    crc = kTables[7][crc & 255] ^ kTables[6][crc >> 8 & 255] ^ kTables[5][crc >> 16 & 255] ^
          kTables[4][crc >> 24 & 255] ^ kTables[3][crc >> 32 & 255] ^ kTables[2][crc >> 40 & 255] ^
          kTables[1][crc >> 48 & 255] ^ kTables[0][crc >> 56];
  }
  for (; left > 0; ++at, --left) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<uint8_t>(*at)) & 255];
  }
  return crc;
}

}  // namespace larder
