#include "base/numbers.h"
#include "storage/rdb/file.h"

namespace larder {

bool RdbFileReader::read_head() {
  char head[9];
  reader_.bytes(head, sizeof head);
  if (!reader_.ok()) return false;
  const bool valkey = Bytes(head, sizeof head).starts_with(kRdbMagicValkey);
  if (!valkey && !Bytes(head, sizeof head).starts_with(kRdbMagic)) {
    reader_.fail_at(0, "this is no RDB file: it does not begin with REDIS");
    return false;
  }
  const Bytes magic = valkey ? kRdbMagicValkey : kRdbMagic;
  unsigned version = 0;
  for (size_t i = magic.size(); i < sizeof head; ++i) {
    if (head[i] < '0' || head[i] > '9') version = kRdbVersionValkey + 1;
    version = version * 10 + static_cast<unsigned>(head[i] - '0');
  }
  const bool known =
      valkey ? version == kRdbVersionValkey : version >= 1 && version <= kRdbVersionMax;
  if (!known) {
    reader_.fail_at(magic.size(), "the version of the RDB format is not one that can be read");
    return false;
  }
  version_ = version;
  return true;
}

bool RdbFileReader::next(RdbArena& arena, RdbKey& key) {
  if (ended_ || !reader_.ok()) return false;
  if (version_ == 0 && !read_head()) return false;
  key.expiry_ms = kNoExpiry;
  key.idle_seconds = -1;
  key.frequency = -1;
  while (reader_.ok()) {
    key.offset = reader_.offset();
    const uint8_t opcode = reader_.byte();
    if (!reader_.ok()) return false;
    if (read_part(opcode, key)) {
      if (ended_) return false;
      continue;
    }
    key.db = db_;
    key.name = reader_.string(arena);
    return read_rdb_value(reader_, rdb_type(opcode, version_), arena, key.value);
  }
  return false;
}

bool RdbFileReader::read_part(uint8_t opcode, RdbKey& key) {
  scratch_.clear();
  switch (static_cast<RdbOpcode>(opcode)) {
    case RdbOpcode::slot_info:
      for (int i = 0; i < 3; ++i) (void)reader_.length();
      return true;
    case RdbOpcode::function_2:
      read_function();
      return true;
    case RdbOpcode::function_old:
      reader_.fail("functions of a release candidate of Redis 7.0 can't be loaded");
      return true;
    case RdbOpcode::module_aux:
      read_module_aux();
      return true;
    case RdbOpcode::idle:
      key.idle_seconds = static_cast<int64_t>(reader_.length());
      return true;
    case RdbOpcode::freq:
      key.frequency = reader_.byte();
      return true;
    case RdbOpcode::aux: {
      const Bytes name = reader_.string(scratch_);
      const Bytes value = reader_.string(scratch_);
      if (reader_.ok()) news_.fact(name, value);
      return true;
    }
    case RdbOpcode::resizedb: {
      const uint64_t keys = reader_.length();
      const uint64_t expiring = reader_.length();
      if (reader_.ok()) news_.sizes(db_, keys, expiring);
      return true;
    }
    case RdbOpcode::expiretime_ms:
      key.expiry_ms = expiry(reader_.fixed<int64_t>());
      return true;
    case RdbOpcode::expiretime:
      key.expiry_ms = expiry(int64_t{reader_.fixed<int32_t>()} * 1000);
      return true;
    case RdbOpcode::selectdb:
      read_database();
      return true;
    case RdbOpcode::eof:
      read_end();
      return true;
  }
  return false;
}

// A time before 1970 is as good as 1970.
int64_t RdbFileReader::expiry(int64_t expiry_ms) { return expiry_ms < 0 ? 0 : expiry_ms; }

void RdbFileReader::read_database() {
  constexpr uint64_t kDatabaseMax = INT32_MAX;
  const uint64_t db = reader_.length();
  if (db > kDatabaseMax) return reader_.fail("there is no such database");
  db_ = static_cast<unsigned>(db);
}

void RdbFileReader::read_function() {
  const uint64_t offset = reader_.offset();
  const Bytes code = reader_.string(scratch_);
  if (!reader_.ok()) return;
  const std::string error = news_.function(code);
  if (!error.empty()) reader_.fail_at(offset, error.c_str());
}

// What a module had to say apart from keys: typed pieces up to a zero. Passed over.
void RdbFileReader::read_module_aux() {
  enum Piece : uint64_t { kEnd, kSigned, kUnsigned, kFloat, kDouble, kString };
  (void)reader_.length();  // the module
  while (reader_.ok()) {
    switch (reader_.length()) {
      case kEnd:
        return;
      case kSigned:
      case kUnsigned:
        (void)reader_.length();
        break;
      case kFloat:
        (void)reader_.fixed<uint32_t>();
        break;
      case kDouble:
        (void)reader_.fixed<uint64_t>();
        break;
      case kString:
        reader_.skip_string();
        break;
      default:
        return reader_.fail("the data of a module is broken");
    }
  }
}

void RdbFileReader::read_end() {
  ended_ = true;
  constexpr unsigned kFirstWithChecksum = 5;
  if (version_ < kFirstWithChecksum) return;
  const uint64_t offset = reader_.offset();
  const uint64_t sum = reader_.checksum();
  const auto said = reader_.fixed<uint64_t>();
  if (!reader_.ok() || !check_sum_ || said == 0 || said == sum) return;
  reader_.fail_at(offset, "CRC error: the file is damaged");
}

}  // namespace larder
