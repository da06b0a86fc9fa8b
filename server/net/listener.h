// Opens listening sockets. Plain file descriptors; the event loop is not involved.
#pragma once

#include <string>
#include <vector>

#include "server/net/network.h"

namespace larder {

struct OpenSockets {
  std::vector<int> fds;
  std::string error;  // not empty: nothing is open
};

OpenSockets open_listeners(const ListenOptions& options);

}  // namespace larder
