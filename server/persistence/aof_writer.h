// Writes the effect log to the append-only file, on a thread of its own.
//
//   workers -> effect log -> [ this thread: write, fsync ] -> safe point -> held replies go out
//
// - always: whatever came while the last fsync went on is written and synced together, and the safe
//   point moves on: one fsync serves all writes that wait (group commit). No worker waits.
// - everysec, no: writes are gathered for a few ms, so that a busy server costs few system calls.
// - When the disk is full or broken it goes on trying from the very byte on at which it failed, and
//   says so; under `always` a server that can't keep its promise ends, as Redis does.
// - switch_at: the bytes from an offset on go to another file (a rewrite has begun).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/files.h"
#include "server/engine/effects.h"
#include "server/persistence/aof_options.h"

namespace larder {

class AofWriter {
 public:
  // Called on the writer's thread.
  struct Events {
    // Everything before the offset is on disk (or written, when nothing more was asked for).
    std::function<void(uint64_t offset)> safe;
    // Writing or syncing failed, or works again (empty).
    std::function<void(const std::string& error)> trouble;
    // The file is incomplete, or may be, and why: effects were dropped because it fell so far
    // behind, or a sync failed, after which the system may have forgotten what was not on disk.
    std::function<void(const std::string& why)> lost;
    // Now and then, at least once a second while there is something to do.
    std::function<void()> tick;
    // A write, or a sync that answers waited for, took so long.
    std::function<void(int64_t us)> wrote = [](int64_t) {};
    std::function<void(int64_t us)> synced = [](int64_t) {};
  };

  // Appends to `file`, which holds everything before the reader's offset.
  AofWriter(std::unique_ptr<EffectLog::Reader> reader, EffectLog& log, Descriptor file,
            Events events);
  // Writes and syncs what is there, then ends.
  ~AofWriter();
  AofWriter(const AofWriter&) = delete;
  AofWriter& operator=(const AofWriter&) = delete;

  void set_sync(AofSync sync);
  // no-appendfsync-on-rewrite, while a rewrite goes on.
  void suspend_sync(bool suspend) { suspended_.store(suspend); }
  void set_timestamps(bool on) { timestamps_.store(on); }
  // For tests: a rest before what was gathered is written.
  void set_delay(int64_t delay_us) { delay_us_.store(delay_us); }
  // From this offset on bytes go to `file`, behind `head`. Under every shard's lock, `offset` is
  // the log's end.
  void switch_at(uint64_t offset, Descriptor file, std::string head);

  // Nothing from this offset on is written; the end is near.
  void end_at(uint64_t offset) { last_offset_.store(offset); }

  uint64_t written_offset() const { return written_.load(); }
  uint64_t synced_offset() const { return synced_.load(); }
  // Of the file that grows now.
  uint64_t file_bytes() const { return bytes_.load(); }
  uint64_t delayed_syncs() const { return delayed_syncs_.load(); }

 private:
  static constexpr auto kGatherTime = std::chrono::milliseconds(5);
  static constexpr int64_t kSyncMs = 1000;

  void run();
  bool write_up_to(uint64_t end);
  bool write_bytes(Bytes bytes);
  bool write_timestamp();
  void rest() const;
  void switch_files();
  bool sync(bool forced);
  bool sync_due() const;
  void pause();
  void report(const std::string& error);
  bool stopping() const { return stopping_.load(); }

  std::unique_ptr<EffectLog::Reader> reader_;
  EffectLog& log_;
  Descriptor file_;
  const Events events_;

  std::atomic<AofSync> sync_{AofSync::everysec};
  std::atomic<bool> suspended_{false};
  std::atomic<bool> timestamps_{false};
  std::atomic<int64_t> delay_us_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> written_;
  std::atomic<uint64_t> synced_;
  std::atomic<uint64_t> bytes_;
  std::atomic<uint64_t> delayed_syncs_{0};

  // The file to switch to.
  std::atomic<uint64_t> switch_offset_{UINT64_MAX};
  std::atomic<uint64_t> last_offset_{UINT64_MAX};
  std::mutex mutex_;  // of what follows; a leaf
  Descriptor next_file_;
  std::string next_head_;
  // Wakes the thread; shared with a waker that may be called after its end.
  struct Bell;
  std::shared_ptr<Bell> bell_;

  // The thread's own.
  int64_t last_sync_ms_ = 0;
  int64_t last_stamp_seconds_ = 0;
  bool failing_ = false;
  // Once a sync failed, one that succeeds says nothing of what came before.
  enum class Syncs : uint8_t { work, failed, work_again } syncs_ = Syncs::work;
  std::thread thread_;
};

}  // namespace larder
