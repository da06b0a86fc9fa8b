// A place in a replication stream, as files say it: so a server that loads one knows where its data
// is, and goes on from there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "server/engine/effects.h"
#include "storage/rdb/file.h"

namespace larder {

struct StreamPlace {
  std::string id;
  uint64_t offset = 0;
  unsigned db = 0;  // selected there
};

// What a file says of the stream's end. Under every shard's lock.
RdbFacts facts_of_stream(const EffectLog& log, const std::string& id);

// The log's database; one that nothing depends on where its next record selects one.
unsigned known_db(const EffectLog& log);

// Listens to a file's facts. Calls `found` when it has a whole place: before the first key.
class PlaceFinder : public RdbNews {
 public:
  explicit PlaceFinder(std::function<void(const StreamPlace&)> found = {})
      : found_(std::move(found)) {}
  void fact(Bytes name, Bytes value) override;
  const StreamPlace& place() const { return place_; }

 private:
  const std::function<void(const StreamPlace&)> found_;
  StreamPlace place_;
  bool has_offset_ = false;
  bool told_ = false;
};

}  // namespace larder
