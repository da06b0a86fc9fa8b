#include "server/net/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/clock.h"
#include "server/engine/acl/access_control.h"
#include "server/net/listener.h"
#include "server/net/tls_stream.h"
#include "server/net/worker.h"

namespace larder {
namespace {

constexpr char kTooManyClients[] = "-ERR max number of clients reached\r\n";
constexpr char kProtected[] =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. If you want to connect from external computers, set a password, bind to the "
    "addresses you trust, or turn protected mode off with CONFIG SET protected-mode no.\r\n";

std::string address_text(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(ntohs(in.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof host);
    return "[" + std::string(host) + "]:" + std::to_string(ntohs(in.sin6_port));
  }
  return "";
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
  }
  if (address.ss_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  }
  return true;  // a Unix socket
}

void tune_socket(int fd, int64_t keepalive_seconds) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (keepalive_seconds <= 0) return;
  const int idle = static_cast<int>(keepalive_seconds);
  const int interval = std::max(idle / 3, 1);
  const int probes = 3;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

}  // namespace

struct Network::Impl {
  Impl(NetworkEvents e, const TlsSettings& t) : events(std::move(e)), tls(t) {}

  NetworkEvents events;
  const TlsSettings& tls;
  std::vector<std::unique_ptr<Worker>> workers;
  struct Listener {
    asio::posix::stream_descriptor socket;
    bool tls;
  };
  using Listeners = std::vector<std::unique_ptr<Listener>>;
  Listeners tcp_listeners;  // on worker 0's loop
  Listeners unix_listeners;
  std::vector<OpenSocket> tcp_sockets;  // of tcp_listeners; listen_again's
  std::string unix_path;
  Services* services = nullptr;
  std::atomic<uint64_t> next_id{1};
  std::atomic<bool> running{false};

  void wait_for_clients(Listener& listener) {
    listener.socket.async_wait(asio::posix::stream_descriptor::wait_read,
                               [this, &listener](std::error_code error) {
                                 if (error) return;
                                 accept_all(listener.socket.native_handle(), listener.tls);
                                 wait_for_clients(listener);
                               });
  }

  Listeners make_listeners(const std::vector<OpenSocket>& sockets) {
    Listeners made;
    for (const OpenSocket& each : sockets) {
      asio::posix::stream_descriptor socket(workers[0]->loop(), each.fd);
      made.push_back(std::make_unique<Listener>(Listener{std::move(socket), each.tls}));
    }
    return made;
  }

  // On worker 0's thread.
  void replace_tcp_listeners(const std::vector<OpenSocket>& sockets) {
    if (!running) {
      for (const OpenSocket& each : sockets) ::close(each.fd);
      return;
    }
    tcp_listeners = make_listeners(sockets);
    for (auto& listener : tcp_listeners) wait_for_clients(*listener);
  }

  void accept_all(int listener, bool is_tls) {
    constexpr int kAcceptsPerWake = 1000;  // then others have their turn
    for (int i = 0; i < kAcceptsPerWake; ++i) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        welcome(fd, is_tls);
      } else if (errno != EINTR && errno != ECONNABORTED) {
        const bool replaced = errno == EINVAL;  // by listen_again; it will go at once
        if (errno != EAGAIN && !replaced) {
          events.log_warning(std::string("Error accepting a client connection: ") +
                             std::strerror(errno));
        }
        return;
      }
    }
  }

  size_t clients() const {
    size_t sum = 0;
    for (const auto& worker : workers) sum += worker->load.load(std::memory_order_relaxed);
    return sum;
  }

  // A stranger on the TLS port can't be told why it is refused: no handshake was done yet.
  void refuse(int fd, bool is_tls, Bytes text) {
    workers[0]->stats().connections_rejected.add(1);
    if (!is_tls) {
      [[maybe_unused]] const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    }
    ::close(fd);
  }

  void welcome(int fd, bool is_tls) {
    const LiveSettings& settings = services->settings;
    Session session = make_session(fd);
    if (static_cast<int64_t>(clients()) >= settings.clients_max.load()) {
      return refuse(fd, is_tls, kTooManyClients);
    }
    if (settings.protected_mode.load() && services->access.is_without_password() &&
        !session.from_loopback) {
      return refuse(fd, is_tls, kProtected);
    }
    std::shared_ptr<const TlsContext> context = is_tls ? tls.current() : nullptr;
    if (is_tls && !context) return refuse(fd, is_tls, "");  // it was switched off just now
    workers[0]->stats().connections_received.add(1);
    if (!session.unix_socket) tune_socket(fd, settings.keepalive_seconds.load());
    const auto least = std::min_element(
        workers.begin(), workers.end(),
        [](const auto& a, const auto& b) { return a->load.load() < b->load.load(); });
    Worker* worker = least->get();
    worker->load.fetch_add(1);
    worker->post([worker, fd, session = std::move(session), context = std::move(context)] {
      context ? worker->adopt_secure(fd, session, *context) : worker->adopt(fd, session);
    });
  }

  Session make_session(int fd) {
    Session session;
    session.id = next_id.fetch_add(1);
    session.fd = fd;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size);
    sockaddr_storage local{};
    size = sizeof local;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size);
    session.unix_socket = local.ss_family == AF_UNIX;
    session.from_loopback = is_loopback(peer);
    session.address = session.unix_socket ? unix_path + ":0" : address_text(peer);
    session.local_address = session.unix_socket ? unix_path + ":0" : address_text(local);
    services->access.begin(session);
    session.created_ms = session.last_active_ms = steady_ms();
    return session;
  }
};

Network::Network(size_t workers, size_t command_count, NetworkEvents events, const TlsSettings& tls)
    : impl_(std::make_unique<Impl>(std::move(events), tls)) {
  for (size_t i = 0; i < workers; ++i) {
    impl_->workers.push_back(std::make_unique<Worker>(i, workers, command_count, impl_->events));
  }
}

Network::~Network() { stop(0); }

std::string Network::listen(const ListenOptions& options) {
  OpenSockets tcp = open_tcp_listeners(options, false);
  if (!tcp.error.empty()) return tcp.error;
  impl_->tcp_listeners = impl_->make_listeners(tcp.sockets);
  OpenSockets local = open_unix_listener(options);
  if (!local.error.empty()) return local.error;
  impl_->unix_listeners = impl_->make_listeners(local.sockets);
  if (tcp.sockets.empty() && local.sockets.empty()) return "Configured to not listen anywhere";
  impl_->tcp_sockets = tcp.sockets;
  impl_->unix_path = options.unix_path;
  return "";
}

// The new sockets listen before the old ones close, so that a failure leaves all as it was. The old
// ones' ports are free when this returns: they may be wanted for the other kind next.
std::string Network::listen_again(const ListenOptions& options) {
  for (const OpenSocket& each : impl_->tcp_sockets) share_port(each.fd, true);
  OpenSockets open = open_tcp_listeners(options, true);
  for (const OpenSocket& each : impl_->tcp_sockets) share_port(each.fd, false);
  if (!open.error.empty()) return open.error;
  for (const OpenSocket& each : impl_->tcp_sockets) ::shutdown(each.fd, SHUT_RDWR);
  impl_->tcp_sockets = open.sockets;
  impl_->workers[0]->post(
      [impl = impl_.get(), sockets = open.sockets] { impl->replace_tcp_listeners(sockets); });
  return "";
}

void Network::start(Services& services) {
  impl_->services = &services;
  impl_->running = true;
  for (auto& listener : impl_->tcp_listeners) impl_->wait_for_clients(*listener);
  for (auto& listener : impl_->unix_listeners) impl_->wait_for_clients(*listener);
  for (auto& worker : impl_->workers) worker->start(services);
}

void Network::stop(int64_t patience_ms) {
  if (!impl_->running) return;
  impl_->running = false;
  const int64_t until_ms = steady_ms() + patience_ms;
  impl_->workers[0]->post([this] {
    std::error_code ignored;
    for (auto& listener : impl_->tcp_listeners) listener->socket.close(ignored);
    for (auto& listener : impl_->unix_listeners) listener->socket.close(ignored);
  });
  for (auto& worker : impl_->workers) {
    worker->post([w = worker.get(), until_ms] { w->stop(until_ms); });
  }
  for (auto& worker : impl_->workers) worker->join();
  if (!impl_->unix_path.empty()) ::unlink(impl_->unix_path.c_str());
}

size_t Network::count() const { return impl_->workers.size(); }

WorkerStats& Network::stats(size_t worker) { return impl_->workers[worker]->stats(); }

void Network::visit(size_t worker, std::function<void(ClientsOfWorker&)> visit) {
  Worker* there = impl_->workers[worker].get();
  there->post([there, visit = std::move(visit)] { visit(*there); });
}

void Network::visit_all(size_t worker, std::function<void(ClientsOfWorker&)> visit,
                        std::function<void()> done) {
  auto left = std::make_shared<std::atomic<size_t>>(impl_->workers.size());
  Worker* origin = impl_->workers[worker].get();
  for (auto& each : impl_->workers) {
    each->post([w = each.get(), origin, left, visit, done] {
      visit(*w);
      if (left->fetch_sub(1) == 1 && done) origin->post(done);
    });
  }
}

void Network::release_replies() {
  for (const auto& worker : impl_->workers) worker->release_soon();
}

std::unique_ptr<SecureStream> Network::secure_link() {
  const std::shared_ptr<const TlsContext> context = impl_->tls.current();
  return context == nullptr ? nullptr : TlsStream::make(*context, TlsSide::client);
}

uint64_t Network::adopt(size_t worker, int fd, Session session, std::string unread,
                        std::unique_ptr<SecureStream> tls) {
  const Session fresh = impl_->make_session(fd);
  session.id = fresh.id;
  session.fd = fd;
  session.address = fresh.address;
  session.local_address = fresh.local_address;
  session.created_ms = session.last_active_ms = fresh.created_ms;
  Worker* there = impl_->workers[worker].get();
  there->load.fetch_add(1);
  // Messages are copied; the stream is one of ours, see secure_link.
  const auto stream = std::make_shared<std::unique_ptr<TlsStream>>(
      static_cast<TlsStream*>(tls.release()));
  there->post([there, fd, session = std::move(session), unread = std::move(unread), stream] {
    there->adopt(fd, session, unread, std::move(*stream));
  });
  return fresh.id;
}

}  // namespace larder
