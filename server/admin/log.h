// The server's log: lines with a level, to a file or to stderr, as text or JSON.
//
//   text  71:M 24 Nov 2026 11:24:06.123 * Ready to accept connections
//         pid, time, level (. debug  - verbose  * notice  # warning), message: Redis's form
//   json  {"time":"2026-11-24T11:24:06.123+00:00","pid":71,"level":"notice","message":"..."}
//
// Safe from any thread. Never called under a shard lock.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/bytes.h"

namespace larder {

enum class LogLevel { debug, verbose, notice, warning, nothing };

LogLevel log_level_of(Bytes name);

class Log {
 public:
  Log();
  ~Log();

  // An empty path is stderr. Returns an error text or nothing; then lines go where they went.
  std::string open(const std::string& path, bool json);
  // Closes and opens the file again: what logrotate asks for with SIGHUP.
  std::string reopen();
  void set_level(LogLevel level);
  void write(LogLevel level, Bytes message);

  void debug(Bytes message) { write(LogLevel::debug, message); }
  void verbose(Bytes message) { write(LogLevel::verbose, message); }
  void notice(Bytes message) { write(LogLevel::notice, message); }
  void warning(Bytes message) { write(LogLevel::warning, message); }

 private:
  struct Sink;

  std::mutex mutex_;
  std::unique_ptr<Sink> sink_;
  std::string path_;
  bool json_ = false;
  LogLevel level_ = LogLevel::notice;
};

}  // namespace larder
