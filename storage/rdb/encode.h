// The smallest pieces of the RDB format, appended to a string.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"
#include "storage/rdb/format.h"

namespace larder::rdb {

inline void put_byte(std::string& out, uint8_t byte) { out.push_back(static_cast<char>(byte)); }
inline void put_type(std::string& out, RdbType type) { put_byte(out, rdb_byte(type)); }
inline void put_opcode(std::string& out, RdbOpcode opcode) {
  put_byte(out, static_cast<uint8_t>(opcode));
}
// A fixed-width number, little endian.
template <typename T>
void put_fixed(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put_length(std::string& out, uint64_t length);
// In the shortest form: an integer, compressed, or as it is.
void put_string(std::string& out, Bytes bytes, RdbCompression compression);
void put_integer(std::string& out, int64_t value);
// The text with the noted strings in their shortest form. Notes are in order.
std::string compress_noted(Bytes text, std::span<const RdbStringPlace> notes);

}  // namespace larder::rdb
