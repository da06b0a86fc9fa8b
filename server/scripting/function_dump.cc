#include "server/scripting/function_dump.h"

#include "storage/rdb/crc64.h"
#include "storage/rdb/dump.h"
#include "storage/rdb/encode.h"
#include "storage/rdb/reader.h"

namespace larder {
namespace {

constexpr size_t kTailBytes = sizeof(uint16_t) + sizeof(uint64_t);

}  // namespace

std::string dump_functions(const std::vector<std::string>& codes) {
  std::string payload;
  for (const std::string& code : codes) {
    rdb::put_opcode(payload, RdbOpcode::function_2);
    rdb::put_string(payload, code, true);
  }
  rdb::put_fixed(payload, static_cast<uint16_t>(kRdbVersion));
  rdb::put_fixed(payload, crc64(0, payload));
  return payload;
}

const char* read_function_dump(Bytes payload, std::vector<std::string>& codes) {
  if (payload.size() < kTailBytes || !is_dump_payload(payload)) {
    return "ERR DUMP payload version or checksum are wrong";
  }
  BytesSource source(payload.substr(0, payload.size() - kTailBytes));
  RdbReader reader(source, false);
  while (reader.ok() && !reader.at_end()) {
    if (reader.byte() != static_cast<uint8_t>(RdbOpcode::function_2)) {
      return "ERR given type is not a function";
    }
    RdbArena arena;
    const Bytes code = reader.string(arena);
    if (reader.ok()) codes.emplace_back(code);
  }
  return reader.ok() ? nullptr : "ERR Failed loading library payload";
}

}  // namespace larder
