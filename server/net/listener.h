// Opens listening sockets. Plain file descriptors; the event loop is not involved.
#pragma once

#include <string>
#include <vector>

#include "server/net/network.h"

namespace larder {

struct OpenSocket {
  int fd;
  bool tls;
};

struct OpenSockets {
  std::vector<OpenSocket> sockets;
  std::string error;  // not empty: nothing is open
};

// On every address of `options`, both ports; nothing on port 0. `beside_others`: other sockets of
// this process that listen there now do not stand in the way (see share_port).
OpenSockets open_tcp_listeners(const ListenOptions& options, bool beside_others);
OpenSockets open_unix_listener(const ListenOptions& options);
// Lets a second socket of this user listen where `fd` does, or no longer.
void share_port(int fd, bool on);

}  // namespace larder
