// What commands and INFO ask of the append-only file; server/persistence answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace larder {

// What INFO tells.
struct AppendOnlyFacts {
  bool enabled = false;
  bool starting = false;       // the files are not complete yet
  bool rewriting = false;
  bool rewrite_waits = false;  // for a save to end
  bool last_rewrite_ok = true;
  bool last_write_ok = true;
  int64_t last_rewrite_seconds = -1;     // that the last one took
  int64_t current_rewrite_seconds = -1;  // since this one began
  uint64_t rewrites = 0;
  uint64_t rewrite_failures = 0;  // in a row
  uint64_t current_bytes = 0;     // of all files
  uint64_t base_bytes = 0;        // of all files when they were last rewritten
  uint64_t unwritten_bytes = 0;
  uint64_t delayed_syncs = 0;
  bool loading = false;
  int64_t loading_start_seconds = 0;  // Unix time
  uint64_t loading_total_bytes = 0;
  uint64_t loading_loaded_bytes = 0;
};

class AppendOnly {
 public:
  enum class Rewrite : uint8_t { started, waits, runs_already };

  virtual ~AppendOnly() = default;
  // BGREWRITEAOF: writes the data as it is now to a new base. Works without `appendonly`, too.
  virtual Rewrite start_rewrite() = 0;
  virtual AppendOnlyFacts facts() const = 0;
  // Up to here the effect log is on disk; 0 when no file is kept (WAITAOF).
  virtual uint64_t synced_offset() const = 0;
  // `changed` is called, on any thread, when more is on disk and when the file is switched on or
  // off, until the returned handle goes.
  virtual std::shared_ptr<void> watch(std::function<void()> changed) = 0;
  // Why the last write failed; empty: it didn't.
  virtual std::string last_error() const = 0;
  // DEBUG LOADAOF: drops everything and loads the file, also when none is kept any more. `done`
  // hears what went wrong, on any thread.
  virtual void reload(std::function<void(const std::string& error)> done) = 0;
  // DEBUG AOF-FLUSH-SLEEP: a rest before each write.
  virtual void set_write_delay(int64_t delay_us) = 0;
};

}  // namespace larder
