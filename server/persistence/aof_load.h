// Loads an append-only file into the store: its base and its increments, in the manifest's order.
// Nothing else may change the store meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "protocol/output.h"
#include "server/engine/dispatcher.h"
#include "server/persistence/aof_manifest.h"
#include "server/persistence/load.h"

namespace larder {

struct AofLoadOptions {
  std::string folder;           // where manifest and files are
  bool load_truncated = true;   // aof-load-truncated
  // Hears of what was put right, and of progress.
  std::function<void(const std::string&)> notice;
  std::function<void(uint64_t bytes)> progress;
  std::function<bool()> stop;  // see LoadOptions
};

class AofLoader {
 public:
  AofLoader(Services& services, AofLoadOptions options);
  ~AofLoader();

  // Returns what is wrong, naming file and offset, or nothing. What was loaded till then is there.
  std::string load(const AofManifest& manifest);
  uint64_t requests() const { return requests_; }

 private:
  class NoClients;

  size_t last_written(const std::vector<std::string>& names) const;
  std::string load_file(const std::string& name, bool last);
  // Returns what is wrong; `rest` are bytes of requests behind the data, `offset` where they begin.
  std::string load_rdb_part(int fd, const std::string& name, uint64_t& offset, std::string& rest);
  std::string replay(const std::string& name, bool last, class AofReader& reader);
  std::string cut_off(const std::string& name, uint64_t valid);

  Services& services_;
  const AofLoadOptions options_;
  std::unique_ptr<NoClients> clients_;
  Random random_;
  WorkerContext worker_;
  Dispatcher dispatcher_;
  Session session_;
  LoadPace pace_;
  uint64_t requests_ = 0;
  uint64_t bytes_ = 0;  // of files that are loaded whole
};

}  // namespace larder
