// The server's network: listeners, workers with one event loop each, connections. A connection
// stays on the worker it was given to; nothing on the data path crosses threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/engine/services.h"
#include "server/net/tls.h"

namespace larder {

struct ListenOptions {
  std::vector<std::string> addresses;  // IPv4, IPv6 or "*"; a leading '-' makes failure no error
  uint16_t port = 6379;                // 0: no plain TCP
  uint16_t tls_port = 0;               // 0: no TLS
  int backlog = 511;
  std::string unix_path;          // empty: none
  unsigned unix_permissions = 0;  // 0: as umask says
};

// What the network tells the room above; called on worker threads.
struct NetworkEvents {
  std::function<void(std::string)> log_verbose;
  std::function<void(std::string)> log_warning;
};

class Network : public Workers {
 public:
  // `tls` outlives the network.
  Network(size_t workers, size_t command_count, NetworkEvents events, const TlsSettings& tls);
  ~Network() override;

  // Binds and listens; returns an error text or nothing. Call before start.
  std::string listen(const ListenOptions& options);
  // While it runs, from any thread but one at a time: listens on other TCP addresses instead.
  // Returns an error text, and then goes on as before, or nothing. The Unix socket stays.
  std::string listen_again(const ListenOptions& options);
  // Starts the workers' threads. `services` outlives the network.
  void start(Services& services);
  // Stops accepting, sends what is answered (for at most `patience_ms`), closes, joins.
  void stop(int64_t patience_ms);

  size_t count() const override;
  WorkerStats& stats(size_t worker) override;
  void visit(size_t worker, std::function<void(ClientsOfWorker&)> visit) override;
  void visit_all(size_t worker, std::function<void(ClientsOfWorker&)> visit,
                 std::function<void()> done) override;
  void release_replies() override;
  uint64_t adopt(size_t worker, int fd, Session session, std::string unread,
                 std::unique_ptr<SecureStream> tls) override;
  std::unique_ptr<SecureStream> secure_link() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace larder
