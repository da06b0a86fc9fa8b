#include <cstdio>

#include "storage/rdb/crc64.h"
#include "storage/rdb/encode.h"
#include "storage/rdb/file.h"

namespace larder {

void RdbFileWriter::begin(unsigned version, const RdbFacts& facts) {
  char head[16];
  const int size = version < kRdbVersionValkey
                       ? std::snprintf(head, sizeof head, "REDIS%04u", version)
                       : std::snprintf(head, sizeof head, "VALKEY%03u", version % 1000);
  write({head, static_cast<size_t>(size)});
  for (const auto& [name, value] : facts) {
    rdb::put_opcode(buffer_, RdbOpcode::aux);
    rdb::put_string(buffer_, name, false);
    rdb::put_string(buffer_, value, false);
    if (buffer_.size() >= kBufferBytes) flush();
  }
}

void RdbFileWriter::function(Bytes code) {
  rdb::put_opcode(buffer_, RdbOpcode::function_2);
  rdb::put_string(buffer_, code, true);
}

void RdbFileWriter::select(unsigned db, size_t keys, size_t expiring) {
  if (db_ != db) {
    rdb::put_opcode(buffer_, RdbOpcode::selectdb);
    rdb::put_length(buffer_, db);
    db_ = db;
  }
  if (keys == 0) return;
  rdb::put_opcode(buffer_, RdbOpcode::resizedb);
  rdb::put_length(buffer_, keys);
  rdb::put_length(buffer_, expiring);
}

void RdbFileWriter::write(Bytes bytes) {
  if (!ok_) return;
  if (bytes.size() < kBufferBytes) {
    buffer_.append(bytes);
    if (buffer_.size() >= kBufferBytes) flush();
    return;
  }
  flush();
  send(bytes);
}

void RdbFileWriter::flush() {
  send(buffer_);
  buffer_.clear();
}

void RdbFileWriter::send(Bytes bytes) {
  if (with_checksum_) crc_ = crc64(crc_, bytes);
  bytes_ += bytes.size();
  if (ok_) ok_ = sink_.write(bytes);
}

bool RdbFileWriter::finish() {
  rdb::put_opcode(buffer_, RdbOpcode::eof);
  flush();
  rdb::put_fixed(buffer_, with_checksum_ ? crc_ : uint64_t{0});
  bytes_ += buffer_.size();
  if (ok_) ok_ = sink_.write(buffer_);
  buffer_.clear();
  return ok_;
}

}  // namespace larder
