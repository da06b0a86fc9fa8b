// What commands and INFO ask of persistence; server/persistence answers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder {

// What INFO tells about saving and loading.
struct PersistenceFacts {
  bool loading = false;
  int64_t loading_start_seconds = 0;  // Unix time
  uint64_t loading_total_bytes = 0;
  uint64_t loading_loaded_bytes = 0;
  bool saving = false;
  uint64_t save_keys_written = 0;
  uint64_t save_keys_total = 0;
  uint64_t changes = 0;           // since the last save
  int64_t last_save_seconds = 0;  // Unix time
  bool last_save_ok = true;
  int64_t last_save_took_seconds = -1;
  int64_t save_began_seconds_ago = -1;
  uint64_t saves = 0;
  uint64_t loaded_keys = 0;   // by the last load
  uint64_t expired_keys = 0;  // left out by it
};

class Persistence {
 public:
  // Called with what went wrong, or nothing.
  using Done = std::function<void(const std::string& error)>;

  virtual ~Persistence() = default;
  // Starts a save on the saving thread, or, with `schedule`, after the one that runs; `done` is
  // called there with what went wrong, or nothing. False when one runs.
  virtual bool start_save(bool schedule, Done done) = 0;
  virtual bool is_saving() const = 0;
  virtual bool has_save_points() const = 0;
  // The server is about to end: what a BGSAVE that runs would write is of no use.
  virtual void give_up_bgsave() = 0;
  // The process ends at once, in the midst of whatever is saved: no half file stays.
  virtual void drop_half_file() = 0;
  // Runs work that may wait (MIGRATE) on a thread of its own, which ends before the server does.
  virtual void run_aside(std::function<void()> work) = 0;
  // The libraries of functions, which are part of a file. The codes: from any thread, under any
  // lock. Loading one: without locks; returns what is wrong with it.
  virtual std::vector<std::string> function_codes() const = 0;
  virtual std::string load_function(Bytes code, bool replace) = 0;
  // Forgets them all: others take their place. Without locks.
  virtual void drop_functions() = 0;
  // FLUSHALL: a save that runs is given up, and with save points what is on the disk is emptied.
  // `settled`, which may be empty, is called on the saving thread when that is done or can't be
  // done soon. May be called under locks.
  virtual void note_flush(std::function<void()> settled) = 0;
  virtual PersistenceFacts facts() const = 0;
  // DEBUG RELOAD, under every shard's lock: saves, empties, loads. Returns what went wrong.
  struct Reload {
    bool save = true;
    bool flush = true;
    bool merge = false;
    bool functions = true;  // too; the turn of scripts is the caller's
  };
  virtual std::string reload(const Reload& how) = 0;
};

}  // namespace larder
