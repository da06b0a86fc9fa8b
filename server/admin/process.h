// The process among others: going into the background, the pid file, the service manager.
#pragma once

#include <string>

namespace larder {

// Goes on in a child without a terminal; the parent ends. False when that failed.
bool go_to_background();

// Written at construction, removed at the end.
class PidFile {
 public:
  explicit PidFile(std::string path);
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  // Empty when all is well.
  const std::string& error() const { return error_; }

 private:
  std::string path_;
  std::string error_;
};

// Tells systemd about the state ("READY=1", "STOPPING=1") if `supervised` asks for it and the
// process runs under it. Source: sd_notify(3)
void notify_supervisor(const std::string& supervised, const std::string& state);

}  // namespace larder
