// A larder-server of the build tree on a free port of 127.0.0.1 with its own folder, for tests that
// need the real program. It ends with the object.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "client/transport.h"

namespace larder {

class ServerProcess {
 public:
  // Starts with `options` ("--requirepass", "x", ...) and waits until it answers. Aborts with the
  // server's log when it does not.
  explicit ServerProcess(std::vector<std::string> options = {});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  uint16_t port() const { return port_; }
  Endpoint endpoint() const { return {.port = port_}; }
  std::string socket_path() const { return folder_ + "/socket"; }
  pid_t pid() const { return pid_; }

  // Ends the process with SIGKILL; start() brings it back on the same port.
  void kill();
  void start();

 private:
  void wait_until_up();
  std::string log() const;

  std::vector<std::string> options_;
  std::string folder_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
};

// A port of 127.0.0.1 that nobody uses now.
uint16_t free_port();

// Looks again and again until `holds`; false when it did not within `limit`.
bool eventually(const std::function<bool()>& holds,
                std::chrono::milliseconds limit = std::chrono::seconds(20));

}  // namespace larder
