#include "server/replication/stream_place.h"

#include "base/numbers.h"
#include "server/replication/history.h"

namespace larder {

RdbFacts facts_of_stream(const EffectLog& log, const std::string& id) {
  return {{"repl-stream-db", std::to_string(known_db(log))},
          {"repl-id", id},
          {"repl-offset", std::to_string(log.end_offset())}};
}

unsigned known_db(const EffectLog& log) {
  const unsigned db = log.db();
  return db == kNoDatabase ? 0 : db;
}

// Redis writes the offset last.
void PlaceFinder::fact(Bytes name, Bytes value) {
  if (name == "repl-id" && value.size() == kReplicationIdBytes) place_.id = value;
  if (name == "repl-stream-db") {
    const auto number = parse_int64(value);
    const bool sane = number && *number >= 0 && *number < int64_t{kNoDatabase};
    place_.db = sane ? static_cast<unsigned>(*number) : kNoDatabase;
  }
  if (name == "repl-offset") {
    const auto number = parse_int64(value);
    if (!number || *number < 0) return;
    place_.offset = static_cast<uint64_t>(*number);
    has_offset_ = true;
  }
  if (told_ || !found_ || place_.id.empty() || !has_offset_) return;
  told_ = true;
  found_(place_);
}

}  // namespace larder
