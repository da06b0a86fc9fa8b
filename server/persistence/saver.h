// Saves and loads the RDB file of the server: on command, at save points, at start and end. One
// thread of its own does all saving.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "server/engine/persistence.h"

namespace larder {

struct Services;
struct LoadOptions;
class RdbNews;
class ReplacingFile;
class Snapshot;
struct SnapshotOptions;

class Saver : public Persistence {
 public:
  struct Logs {
    std::function<void(const std::string&)> notice;
    std::function<void(const std::string&)> warning;
  };
  Saver(Services& services, Logs logs);
  // Gives up the save that runs.
  ~Saver() override;

  // Where libraries of functions are kept, and the turn of scripts that loading and dropping them
  // needs. Before anything is loaded or saved.
  struct Functions {
    std::function<std::vector<std::string>()> codes;
    std::function<std::string(Bytes code, bool replace)> load;
    std::function<void()> drop;
    std::function<void()> enter;
    std::function<void()> leave;
  };
  void set_functions(Functions functions) { functions_ = std::move(functions); }
  // Begins to look at save points and to take orders.
  void start();

  // Loads `dbfilename`; nothing is loaded when there is none. Returns what went wrong.
  struct Start {
    RdbNews* news = nullptr;    // hears of the file's facts before its first key; may be null
    bool follows = false;       // a primary's stream goes on behind the file
    std::function<bool()> stop{};  // see LoadOptions
  };
  std::string load(const Start& how);
  // Loads another file over what is there, perhaps only some of its keys.
  struct Import {
    std::string path;
    std::string pattern;
    std::optional<unsigned> db;
    std::function<bool()> stop;  // see LoadOptions
  };
  std::string import(const Import& what);

  bool start_save(bool schedule, Done done) override;
  bool is_saving() const override { return saving_.load(); }
  bool has_save_points() const override;
  void give_up_bgsave() override;
  void drop_half_file() override;
  std::vector<std::string> function_codes() const override {
    return functions_.codes ? functions_.codes() : std::vector<std::string>();
  }
  void drop_functions() override;
  std::string load_function(Bytes code, bool replace) override;
  void note_flush(std::function<void()> settled) override;
  void run_aside(std::function<void()> work) override;
  PersistenceFacts facts() const override;
  std::string reload(const Reload& how) override;

 private:
  struct Attempt {
    std::string error;
    uint64_t changes = 0;    // that the file has
    bool cut_short = false;  // by FLUSHALL or the end
  };

  void run();
  void refresh();
  std::string known_path() const;
  bool heed_flush();
  void answer_flushes();
  void cut_locked();
  bool goes_on(bool in_background);
  std::string save(bool in_background);
  Attempt write_file(const std::string& path, bool in_background);
  void write_snapshot(ReplacingFile& file, const SnapshotOptions& options,
                      Attempt& attempt);
  void note_time();
  void note_saved(const Attempt& attempt, int64_t began_ms, bool in_background);
  std::string load_from(const std::string& path, LoadOptions& options);
  bool is_loading() const;
  bool save_point_reached() const;
  void update_trouble();
  uint64_t total_changes() const;
  std::string option(Bytes name) const;
  std::string file_path() const;

  Services& services_;
  const Logs logs_;
  Functions functions_;
  const bool checksum_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;         // guarded by mutex_
  std::string path_;           // guarded by mutex_: of the file, as of the last tick
  bool wanted_ = false;        // guarded by mutex_
  std::vector<Done> waiting_;  // guarded by mutex_
  std::vector<std::function<void()>> flushes_waiting_;  // guarded by mutex_
  Snapshot* running_ = nullptr;  // guarded by mutex_; of the save that runs
  bool awaited_ = false;         // guarded by mutex_; somebody waits for its end
  // What was begun before this was raised last is of no use. Raised under mutex_.
  std::atomic<uint64_t> cuts_{0};
  std::thread thread_;
  // Work aside, and whether it is over.
  struct Errand {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> over;
  };
  std::vector<Errand> errands_;  // guarded by mutex_

  std::atomic<bool> saving_{false};  // or about to
  std::atomic<uint64_t> changes_saved_{0};  // total_changes() when what is on the disk was true
  std::atomic<bool> flushed_{false};        // FLUSHALL came, at these changes
  std::atomic<uint64_t> changes_flushed_{0};
  std::atomic<int64_t> last_save_ms_;  // Unix time
  // The same by the steady clock, for save points: that clock can't be set. As below.
  std::atomic<int64_t> saved_ms_;
  std::atomic<int64_t> last_attempt_ms_{0};
  std::atomic<bool> last_save_ok_{true};
  std::atomic<int64_t> last_took_ms_{-1};
  std::atomic<int64_t> began_ms_{0};  // of the save that runs; 0: none
  std::atomic<uint64_t> saves_{0};
  std::atomic<uint64_t> keys_total_{0};
  std::atomic<uint64_t> keys_written_{0};
  std::atomic<int64_t> loading_start_ms_{0};
  std::atomic<uint64_t> loading_total_{0};
  std::atomic<uint64_t> loading_done_{0};
  std::atomic<uint64_t> loaded_keys_{0};
  std::atomic<uint64_t> expired_keys_{0};
};

}  // namespace larder
