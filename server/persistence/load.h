// Loads an RDB file or stream into the store: at the start, for DEBUG RELOAD, --import, from a
// primary, as the base of an append-only file.
//
// One thread reads and decodes, others lay the keys out. Nothing else should change the store
// meanwhile (gate `loading`); reading it is safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "storage/rdb/file.h"
#include "storage/rdb/io.h"

namespace larder {

struct Services;

struct LoadOptions {
  bool replace = false;        // a key that is there is replaced; otherwise it is an error
  bool checksum = true;        // compare the file's
  // Nothing comes behind the file. Otherwise (a primary's stream, increments of an append-only
  // file) what comes may give a key more time or need what is in it: then no key is left out that
  // has expired, and none is evicted.
  bool all_there_is = true;
  bool hidden = false;         // into the hidden databases, see Store::reveal_locked
  bool functions = true;       // load libraries of functions too
  // Where they go instead of Persistence::load_function. May be null.
  std::function<std::string(Bytes code)> load_function;
  unsigned threads = 1;        // that lay keys out beside the caller's; 0: the caller's alone
  std::string pattern;         // only keys that match this glob; empty: all
  std::optional<unsigned> db;  // only those of this database
  // Hears of facts ("repl-id", "aof-base"). May be null.
  RdbNews* news = nullptr;
  // Called now and then from the reading thread with the offset. May be null.
  std::function<void(uint64_t offset)> progress;
  // Loading ends with kLoadStopped once it says so. Asked often. May be null.
  std::function<bool()> stop;
};

inline constexpr const char* kLoadStopped = "stopped before the end";

// What goes on between two keys or requests that are loaded: a rest (key-load-delay), the question
// whether to stop.
class LoadPace {
 public:
  LoadPace(Services& services, const std::function<bool()>& stop);
  // False: loading is to stop.
  bool go_on();
  bool stopped() const { return stop_ && stop_(); }

 private:
  void look();
  void rest();

  Services& services_;
  const std::function<bool()>& stop_;
  int64_t delay_us_ = 0;    // below 0: a rest of 1 us each so many keys
  int64_t looked_ms_ = 0;   // when the option was asked for
  uint64_t since_look_ = 0;  // keys
  uint64_t since_rest_ = 0;
};

struct LoadOutcome {
  std::string error;  // empty: all is loaded. Names the offset
  uint64_t loaded = 0;
  uint64_t expired = 0;  // left out: their time had come
  uint64_t skipped = 0;  // left out by `pattern` or `db`, or empty
  uint64_t bytes = 0;
  unsigned version = 0;
  std::string rest;  // bytes that were read behind the file's end

  bool ok() const { return error.empty(); }
};

// Reads one RDB file to its end. On an error the keys loaded so far are there.
LoadOutcome load_rdb(Source& source, Services& services, const LoadOptions& options);

}  // namespace larder
