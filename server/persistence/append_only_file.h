// The append-only file: which files there are, when a new base is written, what is told of it.
//
//   appendonlydir/
//     appendonly.aof.manifest
//     appendonly.aof.2.base.rdb   a snapshot of moment t
//     appendonly.aof.3.incr.aof   every effect since t, written by AofWriter
//
// A rewrite makes increment 4 and lists it, fixes a moment (from it on effects go to 4), writes
// base 3 from a snapshot of that moment, and then lists base 3 and increment 4 only. At every step
// what the manifest lists is all of the data, so the server may die at any time.
//
// Jobs that take long (switching on and off, rewriting) run one after the other on one thread.
// Source: https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "server/engine/append_only.h"
#include "server/engine/watchers.h"
#include "server/persistence/aof_folder.h"
#include "server/persistence/aof_options.h"
#include "server/persistence/aof_writer.h"

namespace larder {

class Snapshot;
struct Services;

// Where news go; called on any thread.
struct AofEvents {
  std::function<void(const std::string&)> notice;
  std::function<void(const std::string&)> warning;
  // The server promised what it can't keep: it must end.
  std::function<void(const std::string&)> fatal;
};

class AppendOnlyFile : public AppendOnly {
 public:
  AppendOnlyFile(Services& services, AofOptions options, AofEvents events);
  ~AppendOnlyFile() override;

  // At the start, before anything changes: loads what is there (when enabled), then goes on with
  // it. Returns why the server can't start, or nothing. `stop`: see LoadOptions.
  std::string start(const std::function<bool()>& stop = {});
  // New values of options. Switching on and off takes effect on the file's thread.
  void configure(const AofOptions& options);
  // Writes and syncs everything; nothing is written afterwards.
  void stop();

  Rewrite start_rewrite() override;
  AppendOnlyFacts facts() const override;
  uint64_t synced_offset() const override;
  std::shared_ptr<void> watch(std::function<void()> changed) override {
    return watchers_.add(std::move(changed));
  }
  std::string last_error() const override;
  void reload(std::function<void(const std::string& error)> done) override;
  void set_write_delay(int64_t delay_us) override;

 private:
  // A rewrite on its way.
  struct Fresh {
    AofManifest manifest;  // with the increment
    AofFile increment;     // without a name when no file is kept
    bool as_rdb = true;    // the base
    std::unique_ptr<Snapshot> snapshot;
  };

  void run();
  void post(std::function<void()> job);
  AofOptions options() const;
  void note_loading(bool loading);
  std::string load(const std::function<bool()>& stop);
  std::string open_last_increment();
  std::string make_first_files();
  void enable();
  void disable();
  void end_writer();
  void retry_enable();
  void rewrite();
  std::string rewrite_now();
  std::string begin(Fresh& fresh);
  bool is_saving() const;
  bool wait_for_save();
  std::string write_base(Fresh& fresh, const AofFile& file);
  std::string finish(Fresh& fresh, const AofFile& base);
  void give_up(Fresh& fresh);
  void delete_history();
  void end_keeping_history();
  std::unique_ptr<AofWriter> make_writer(std::unique_ptr<EffectLog::Reader> reader,
                                         Descriptor file);
  void note_safe(uint64_t offset);
  void note_write(int64_t us);
  void note_trouble(const std::string& error);
  void note_lost(const std::string& why);
  void maybe_rewrite();
  std::string reload_now();

  Services& services_;
  const AofEvents events_;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  AofOptions options_;
  AppendOnlyFacts facts_;
  std::string last_error_;
  bool stopping_ = false;
  int64_t write_delay_us_ = 0;
  bool complete_ = false;  // what is listed and written is all of the data
  int64_t rewrite_start_ms_ = 0;
  int64_t rewrite_not_before_ms_ = 0;
  uint64_t older_bytes_ = 0;  // of all files but the one that grows
  std::shared_ptr<AofWriter> writer_;
  Snapshot* running_ = nullptr;  // for cancelling
  Watchers watchers_;

  // The thread's own.
  AofFolder folder_;
  std::thread thread_;
};

}  // namespace larder
