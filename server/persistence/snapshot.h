// A point-in-time RDB file of the whole store for whoever wants one: SAVE, a replica that needs
// everything, the base of an append-only file. The walk itself is storage/snapshot.h.
//
//   auto snapshot = Snapshot::begin(services, options, [&] { offset = effects.end_offset(); });
//   if (snapshot == nullptr) ...           another one runs: try again later
//   const bool whole = snapshot->run(sink);  on any thread, as long as it takes
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/rdb/file.h"
#include "storage/rdb/io.h"
#include "storage/snapshot.h"

namespace larder {

struct Services;

// What a file has beside its facts.
struct SnapshotParts {
  bool keys = true;
  bool functions = true;
  bool operator==(const SnapshotParts&) const = default;
};

struct SnapshotOptions {
  unsigned version = kRdbVersion;
  unsigned version_with_times = kRdbVersionFieldTimes;  // of a file that needs it
  bool compress = true;
  bool checksum = true;
  SnapshotParts parts;
  // "repl-id", "repl-offset", "aof-base" and the like, behind what every file has. May be filled
  // in by at_point.
  RdbFacts facts;
  // What happens when changes come faster than the sink takes them: writing commands wait (a
  // disk), or the snapshot is given up (a replica: a slow one must cost the primary nothing).
  StoreSnapshotOptions::OnFull on_full = StoreSnapshotOptions::OnFull::writers_wait;
  size_t buffer_bytes_max = 32 * 1024 * 1024;
  unsigned key_delay_us = 0;  // rdb-key-save-delay
  // Nobody waits for the file: the walk rests between its holds of locks, for the clients' sake.
  bool in_background = true;
};

// What `rdb-version` asks for. Not under the locks of shards.
unsigned wanted_rdb_version(const Services& services);
// What `rdb-key-save-delay` asks for, in microseconds. The same.
unsigned wanted_key_delay(const Services& services);

class Snapshot {
 public:
  // Fixes the moment; at_point runs while no command does, so what it reads (an offset of the
  // effect log) belongs to exactly this state. Takes every shard's lock: call without any. Null
  // when another snapshot runs.
  static std::unique_ptr<Snapshot> begin(
      Services& services, const SnapshotOptions& options,
      const std::function<void(SnapshotOptions&)>& at_point = {});

  // Writes the whole file, from the head to the checksum. Once, on any thread, without locks.
  // False: the sink refused, or it was cancelled.
  bool run(Sink& sink);
  // From any thread.
  void cancel() { walk_->cancel(); }

  size_t keys_total() const { return walk_->keys_total(); }
  size_t keys_written() const { return walk_->keys_written(); }

 private:
  Snapshot(Services& services, const SnapshotOptions& options)
      : services_(services), options_(options) {}

  Services& services_;
  SnapshotOptions options_;
  std::vector<std::string> functions_;  // code of libraries
  std::unique_ptr<StoreSnapshot> walk_;
};

}  // namespace larder
