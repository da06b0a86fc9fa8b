// A full sync on its way out: one snapshot, streamed to all replicas that wait, without touching a
// disk. A replica that takes no mark behind the file is told its length first, so its file is
// gathered in a nameless one.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/persistence/snapshot.h"
#include "server/replication/replica.h"

namespace larder {

struct FullSyncPlan {
  std::string id;      // of the stream
  std::string folder;  // for nameless files
  SnapshotParts parts;
  bool for_valkey = false;
  int64_t patience_ms = 60'000;
  uint64_t lag_bytes_max = UINT64_MAX;  // a replica further behind is given up
};

class FullSync {
 public:
  using Replicas = std::vector<std::shared_ptr<Replica>>;

  // Takes the snapshot and starts sending; null when another snapshot runs. Without locks. `done`
  // is called on the sending thread with what went wrong, or nothing.
  static std::unique_ptr<FullSync> begin(Services& services, const FullSyncPlan& plan,
                                         Replicas replicas,
                                         std::function<void(const std::string&)> done);
  // Waits for the end; cancels first.
  ~FullSync();
  // Whoever asked for it may have gone; then it ends soon.
  void end_if_unwanted();

 private:
  class Fan;

  void run();

  std::mutex snapshot_mutex_;  // between the thread, which gives it back, and who cancels it
  std::unique_ptr<Snapshot> snapshot_;
  std::unique_ptr<Fan> fan_;
  std::function<void(const std::string&)> done_;
  std::thread thread_;
};

}  // namespace larder
