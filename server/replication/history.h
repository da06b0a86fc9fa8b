// Which stream of writes this server has, and up to where it is the same as another one's: the pair
// of replication ids that PSYNC asks with.
//
//   second_id  ===============|           the stream of a former primary, up to second_offset
//   id         ===============|=========  it went on here when this server was promoted
//
// Offsets here are Redis's: the next byte of a stream of n bytes is byte n + 1.
// Source: https://redis.io/docs/latest/operate/oss_and_stack/management/replication/
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace larder {

inline constexpr size_t kReplicationIdBytes = 40;

struct History {
  std::string id;
  std::string second_id = std::string(kReplicationIdBytes, '0');
  int64_t second_offset = -1;

  // The stream goes on under another id behind its first `end` bytes: this server was promoted, or
  // its primary was.
  void rename(std::string other_id, uint64_t end);
  // This server was restarted with the data that stream `old_id` had behind its first `end` bytes.
  void continue_from(std::string old_id, uint64_t end);
  // It follows another stream from now on, of which it has nothing.
  void replace(std::string other_id);
  // A server that has stream `asked_id` up to byte `next - 1` can go on here. Whether the bytes are
  // still there is another question.
  bool continues(Bytes asked_id, int64_t next) const;
};

}  // namespace larder
