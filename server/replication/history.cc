#include "server/replication/history.h"

#include <utility>

namespace larder {

void History::rename(std::string other_id, uint64_t end) {
  second_id = std::exchange(id, std::move(other_id));
  second_offset = static_cast<int64_t>(end) + 1;
}

void History::continue_from(std::string old_id, uint64_t end) {
  second_id = std::move(old_id);
  second_offset = static_cast<int64_t>(end) + 1;
}

void History::replace(std::string other_id) {
  id = std::move(other_id);
  second_id.assign(kReplicationIdBytes, '0');
  second_offset = -1;
}

bool History::continues(Bytes asked_id, int64_t next) const {
  if (asked_id == id) return true;
  return second_offset >= 0 && asked_id == second_id && next <= second_offset;
}

}  // namespace larder
