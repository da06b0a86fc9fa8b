// larder-server: puts the rooms together, runs until a signal, takes them apart again.
#include <CLI/CLI.hpp>
#include <csignal>
#include <unistd.h>
#include <cstdio>
#include <thread>

#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "server/admin/all_commands.h"
#include "server/admin/reclaimer.h"
#include "server/commands/activity.h"
#include "server/commands/registry.h"
#include "server/commands/version.h"
#include "server/net/network.h"
#include "storage/store.h"

namespace larder {
namespace {

// No options by name yet.
class NoConfiguration : public Configuration {
 public:
  std::optional<std::string> value(Bytes) const override { return {}; }
  std::vector<std::pair<std::string, std::string>> matching(Bytes) const override { return {}; }
  std::string set(const std::vector<Assignment>&) override { return "ERR no options"; }
  std::string rewrite() override { return "ERR The server is running without a config file"; }
  std::string file() const override { return ""; }
};

struct Options {
  ListenOptions listen;
  unsigned threads = 0;
  unsigned databases = 16;
  std::string password;
};

// Several shards per worker make two workers meeting at one lock rare.
unsigned shard_bits_for(unsigned threads) {
  unsigned bits = 4;
  while ((1U << bits) < threads * 16 && bits < kShardBitsMax) ++bits;
  return bits;
}

int serve(const Options& options) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  seed_hash(random_seed());
  ReclaimerThread reclaimer;
  Store store({.shard_bits = shard_bits_for(options.threads),
               .databases = options.databases,
               .reclaimer = &reclaimer});
  Registry registry;
  add_all_commands(registry);
  LiveSettings settings;
  settings.set_password(options.password);
  SlowLog slow_log;
  LatencyMonitor latency;
  ErrorStats error_stats;
  PauseState pause;
  std::atomic<unsigned> monitors{0};
  const auto warn = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  Network network(options.threads, registry.all().size(),
                  {[](const std::string&) {}, warn, [] { ::kill(::getpid(), SIGTERM); }});
  if (const std::string error = network.listen(options.listen); !error.empty()) {
    warn(error);
    return 1;
  }
  NoConfiguration configuration;
  Services services{store,       registry, settings, network,       slow_log,  latency,
                    error_stats, pause,    monitors, configuration, unix_ms(), random_hex(40)};
  network.start(services);
  std::fprintf(stderr, "Ready to accept connections on port %u\n", options.listen.port);
  int signal = 0;
  sigwait(&signals, &signal);
  network.stop(500);
  return 0;
}

}  // namespace
}  // namespace larder

int main(int argc, char** argv) {
  larder::Options options;
  CLI::App app("Larder, a Redis-compatible cache server");
  app.set_version_flag("-v,--version", "larder-server " + std::string(larder::kLarderVersion));
  app.add_option("--port", options.listen.port, "TCP port, 0 for none")->capture_default_str();
  options.listen.addresses = {"127.0.0.1", "-::1"};
  app.add_option("--bind", options.listen.addresses, "addresses to listen on");
  app.add_option("--unixsocket", options.listen.unix_path, "path of a Unix socket");
  app.add_option("--tcp-backlog", options.listen.backlog, "length of the accept queue");
  app.add_option("--threads", options.threads, "workers, 0 for one per core")
      ->check(CLI::Range(0U, 256U));
  app.add_option("--databases", options.databases, "number of databases")
      ->check(CLI::Range(1U, larder::kDatabasesMax));
  app.add_option("--requirepass", options.password, "password of the default user");
  CLI11_PARSE(app, argc, argv);
  if (options.threads == 0) options.threads = std::max(1U, std::thread::hardware_concurrency());
  return larder::serve(options);
}
