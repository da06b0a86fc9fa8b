#include "server/net/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/bytes.h"

namespace larder {
namespace {

std::string reason(const std::string& where) {
  return "Could not create server " + where + ": " + std::strerror(errno);
}

// Returns -1 with errno set.
int bind_and_listen(int fd, const sockaddr* address, socklen_t size, int backlog) {
  if (::bind(fd, address, size) == 0 && ::listen(fd, backlog) == 0) return fd;
  const int saved = errno;
  ::close(fd);
  errno = saved;
  return -1;
}

int open_tcp(const addrinfo& info, int backlog, bool beside_others) {
  const int fd = ::socket(info.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  // A port just used can be bound again at once.
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (beside_others) share_port(fd, true);
  if (info.ai_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  return bind_and_listen(fd, info.ai_addr, info.ai_addrlen, backlog);
}

struct Door {
  uint16_t port;
  bool tls;
};

// "*" means every IPv4 address, "::*" every IPv6 one, as in redis.conf.
std::string listen_on(std::string address, Door door, int backlog, bool beside_others,
                      OpenSockets& open) {
  const bool optional = !address.empty() && address[0] == '-';
  if (optional) address.erase(0, 1);
  const std::string where = address + ":" + std::to_string(door.port);
  const char* host = address == "*" ? "0.0.0.0" : address == "::*" ? "::" : address.c_str();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host, std::to_string(door.port).c_str(), &hints, &found);
  if (failure != 0) {
    return optional ? "" : "Could not resolve bind address " + where + ": " + gai_strerror(failure);
  }
  const int fd = open_tcp(*found, backlog, beside_others);
  const int error = errno;
  ::freeaddrinfo(found);
  errno = error;
  if (fd >= 0) {
    if (beside_others) share_port(fd, false);
    open.sockets.push_back({fd, door.tls});
    return "";
  }
  const bool not_here = error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == EPROTONOSUPPORT;
  if (optional && not_here) return "";
  return reason("TCP listening socket " + where);
}

std::string listen_on_path(const ListenOptions& options, OpenSockets& open) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options.unix_path.size() >= sizeof address.sun_path) {
    return "Unix socket path too long: " + options.unix_path;
  }
  std::memcpy(address.sun_path, options.unix_path.data(), options.unix_path.size());
  ::unlink(options.unix_path.c_str());
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    fd =
        bind_and_listen(fd, reinterpret_cast<sockaddr*>(&address), sizeof address, options.backlog);
  }
  if (fd < 0) return reason("Unix socket " + options.unix_path);
  if (options.unix_permissions != 0) {
    ::chmod(options.unix_path.c_str(), static_cast<mode_t>(options.unix_permissions));
  }
  open.sockets.push_back({fd, false});
  return "";
}

}  // namespace

void share_port(int fd, bool on) {
  const int value = on ? 1 : 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof value);
}

OpenSockets open_tcp_listeners(const ListenOptions& options, bool beside_others) {
  OpenSockets open;
  for (const Door door : {Door{options.port, false}, Door{options.tls_port, true}}) {
    if (door.port == 0) continue;
    for (const std::string& address : options.addresses) {
      open.error = listen_on(address, door, options.backlog, beside_others, open);
      if (!open.error.empty()) break;
    }
    if (!open.error.empty()) break;
  }
  if (open.error.empty()) return open;
  for (const OpenSocket& each : open.sockets) ::close(each.fd);
  open.sockets.clear();
  return open;
}

OpenSockets open_unix_listener(const ListenOptions& options) {
  OpenSockets open;
  if (!options.unix_path.empty()) open.error = listen_on_path(options, open);
  return open;
}

}  // namespace larder
