// A server without network, threads and options: one dispatcher with what it needs, driven by the
// test. The clock is the test's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "protocol/reply_writer.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/activity.h"
#include "server/engine/dispatcher.h"
#include "server/engine/listeners.h"
#include "server/engine/pause.h"
#include "server/engine/registry.h"
#include "server/engine/script_run.h"
#include "server/engine/services.h"
#include "server/scripting/engine.h"
#include "storage/store.h"

namespace larder {

struct LoneServerOptions {
  unsigned shard_bits = 4;
  unsigned databases = 16;
};

class LoneServer {
 public:
  // `add_commands` fills the registry.
  explicit LoneServer(const std::function<void(Registry&)>& add_commands,
                      const LoneServerOptions& options = {});
  ~LoneServer();

  // As the worker does before prepared requests run.
  void prefetch(std::span<const Request> requests);
  // Runs a request to its end, tasks too, and returns the reply's bytes. A session with a stream is
  // the primary's.
  std::string ask(const std::vector<std::string>& words);
  std::string ask(std::span<const Bytes> words);
  // What the dispatcher said about the last request at first.
  Dispatcher::Outcome outcome() const { return outcome_; }

  // What the client was told without asking since the last call, as RESP.
  std::string take_pushes();

  // From now on a script that runs for long is ended.
  void end_long_scripts();

  Services& services() { return *services_; }
  Store& store() { return store_; }
  Session& session() { return session_; }
  // For who runs requests itself.
  Dispatcher& dispatcher() { return *dispatcher_; }
  WorkerStats& stats() { return *stats_; }
  Registry& registry() { return registry_; }
  WorkerContext& worker() { return worker_; }

  int64_t now_ms = 1'700'000'000'000;

 private:
  class LoneClient;
  class LoneWorker;
  class NoOptions;
  class InlineReclaimer;

  void finish_task(ReplyWriter& reply);

  std::unique_ptr<InlineReclaimer> reclaimer_;
  Listeners listeners_;
  Store store_;
  Registry registry_;
  LiveSettings settings_;
  SlowLog slow_log_;
  LatencyMonitor latency_;
  ErrorStats error_stats_;
  Rates rates_;
  PauseState pause_;
  ScriptRun script_;
  ScriptEngine scripts_{settings_, script_};
  std::atomic<unsigned> monitors_{0};
  std::unique_ptr<AccessControl> access_;
  std::unique_ptr<WorkerStats> stats_;
  std::unique_ptr<LoneWorker> workers_;
  std::unique_ptr<NoOptions> configuration_;
  std::unique_ptr<Services> services_;
  Random random_{1};
  WorkerContext worker_;
  Session session_;
  std::shared_ptr<Waker> waker_;
  std::unique_ptr<Dispatcher> dispatcher_;
  Dispatcher::Outcome outcome_ = Dispatcher::Outcome::done;
};

}  // namespace larder
