// The numbers of Redis's RDB format.
//
//   file     "REDIS" version(4 digits) | part | part | ... | eof crc64(8, little endian)
//   part     aux name value | selectdb n | resizedb keys expiring | function2 code
//            | [expiretime_ms t] [idle n] [freq n] type key value
//   payload  type value version(2) crc64(8)                      what DUMP answers
//
//   length   00xxxxxx                    0 to 63
//            01xxxxxx xxxxxxxx           0 to 16383
//            0x80 4 bytes, 0x81 8 bytes  big endian
//            11xxxxxx                    a string in a special form: an integer, LZF
//
// Source: https://github.com/sripathikrishnan/redis-rdb-tools/wiki/Redis-RDB-Dump-File-Format and
// files of redis-server 3.0 to 8.0 and Valkey 8 and 9, whose files begin with "VALKEY" version(3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace larder {

inline constexpr Bytes kRdbMagic = "REDIS";
inline constexpr Bytes kRdbMagicValkey = "VALKEY";

enum class RdbType : uint8_t {
  string = 0,
  list = 1,
  set = 2,
  sorted_set = 3,  // scores as text
  hash = 4,
  sorted_set_2 = 5,  // scores as doubles
  module_old = 6,
  module = 7,
  hash_zipmap = 9,
  list_ziplist = 10,
  set_intset = 11,
  sorted_set_ziplist = 12,
  hash_ziplist = 13,
  list_quicklist = 14,
  stream = 15,
  hash_listpack = 16,
  sorted_set_listpack = 17,
  list_quicklist_2 = 18,
  stream_2 = 19,
  set_listpack = 20,
  stream_3 = 21,
  hash_metadata_old = 22,  // of 7.4's release candidates
  hash_listpack_ex_old = 23,
  hash_metadata = 24,  // fields with times
  hash_listpack_ex = 25,
  // Apart from Redis's: what 22 and up stand for in files of Valkey.
  hash_valkey = 200,  // fields with times, 22 there
  unknown = 201,
};

enum class RdbOpcode : uint8_t {
  slot_info = 244,
  function_2 = 245,
  function_old = 246,
  module_aux = 247,
  idle = 248,
  freq = 249,
  aux = 250,
  resizedb = 251,
  expiretime_ms = 252,
  expiretime = 253,
  selectdb = 254,
  eof = 255,
};

// Redis 7.0 writes 10 and refuses what is newer, so that is what we write as long as no value
// needs 12 (times of fields). 11 differs by sets as listpacks and the last success of consumers.
inline constexpr unsigned kRdbVersion = 10;
inline constexpr unsigned kRdbVersionFieldTimes = 12;
// The newest that is read.
inline constexpr unsigned kRdbVersionMax = 12;
// Valkey 9 counts apart, so that it meets no later number of Redis's. It is written for replicas
// of that kind, as it refuses Redis's fields with times.
inline constexpr unsigned kRdbVersionValkey = 80;
inline constexpr uint8_t kFirstOwnOfValkey = 22;

constexpr RdbType rdb_type(uint8_t byte, unsigned version) {
  if (version < kRdbVersionValkey || byte < kFirstOwnOfValkey) return static_cast<RdbType>(byte);
  return byte == kFirstOwnOfValkey ? RdbType::hash_valkey : RdbType::unknown;
}
// How a file says it.
constexpr uint8_t rdb_byte(RdbType type) {
  return type == RdbType::hash_valkey ? kFirstOwnOfValkey : static_cast<uint8_t>(type);
}

// A string that is to be compressed later.
struct RdbStringPlace {
  size_t length_at = 0;
  size_t begin = 0;
  size_t end = 0;
};

// What becomes of strings above 20 bytes: LZF where it helps, as they are, or as they are and
// noted for rdb::compress_noted.
struct RdbCompression {
  constexpr RdbCompression(bool on_) : on(on_) {}  // NOLINT: true and false say it all
  constexpr explicit RdbCompression(std::vector<RdbStringPlace>& notes) : on(true), later(&notes) {}

  bool on;
  std::vector<RdbStringPlace>* later = nullptr;
};

// How values are written.
struct RdbFormat {
  unsigned version = kRdbVersion;
  RdbCompression compress = true;
};

// Longest string that is read: the store's lengths have 32 bits.
inline constexpr size_t kRdbStringMax = (size_t{1} << 32) - 1024;

}  // namespace larder
