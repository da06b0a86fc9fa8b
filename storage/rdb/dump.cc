#include "storage/rdb/dump.h"

#include <algorithm>

#include "storage/rdb/crc64.h"
#include "storage/rdb/encode.h"
#include "storage/rdb/reader.h"
#include "storage/rdb/value_writer.h"

namespace larder {
namespace {

constexpr size_t kFootBytes = 10;

}  // namespace

std::string dump_value(const Entry& entry, bool compress) {
  std::string payload;
  RdbValueWriter writer(entry, {.version = kRdbVersion, .compress = compress});
  rdb::put_type(payload, writer.type());
  writer.write_all(payload);
  const bool timed = writer.type() == RdbType::hash_metadata;
  const auto version = static_cast<uint16_t>(timed ? kRdbVersionFieldTimes : kRdbVersion);
  rdb::put_fixed(payload, version);
  rdb::put_fixed(payload, crc64(0, payload));
  return payload;
}

bool is_dump_payload(Bytes payload, bool check_sum) {
  if (payload.size() < kFootBytes) return false;
  const Bytes foot = payload.substr(payload.size() - kFootBytes);
  const auto version = load<uint16_t>(foot.data());
  if (version > kRdbVersionMax && version != kRdbVersionValkey) return false;
  const uint64_t crc = load<uint64_t>(foot.data() + 2);
  return !check_sum || crc == crc64(0, payload.substr(0, payload.size() - sizeof crc));
}

RestoreOutcome restore_value(Keyspace& keys, const Key& key, Item old, Bytes payload,
                             const ValueLimits& limits, int64_t expiry_ms, int64_t now_ms) {
  constexpr size_t kBufferMax = 64 * 1024;
  const auto version = load<uint16_t>(payload.data() + payload.size() - kFootBytes);
  payload.remove_suffix(kFootBytes);
  BytesSource source(payload);
  RdbReader reader(source, false, std::clamp<size_t>(payload.size(), 1, kBufferMax));
  RdbArena arena;
  RdbValue value;
  const RdbType type = rdb_type(reader.byte(), version);
  if (read_rdb_value(reader, type, arena, value) && !reader.at_end()) {
    reader.fail("something stands behind the value");
  }
  if (!reader.ok()) return {RestoreFault::format, reader.error(), {}};
  const StoredValue stored = put_rdb_value(keys, key, old, value, limits, expiry_ms, now_ms);
  if (!stored.ok) {
    return {RestoreFault::format, "offset 0: the value is empty or has an element twice", {}};
  }
  return {RestoreFault::none, "", stored.item};
}

}  // namespace larder
