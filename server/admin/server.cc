#include "server/admin/server.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "server/admin/all_commands.h"
#include "server/admin/live_configuration.h"
#include "server/admin/log.h"
#include "server/admin/machine.h"
#include "server/admin/process.h"
#include "server/admin/reclaimer.h"
#include "server/admin/trimmer.h"
#include "server/commands/activity.h"
#include "server/commands/listeners.h"
#include "server/commands/registry.h"
#include "server/commands/version.h"
#include "server/net/network.h"
#include "storage/store.h"

namespace larder {
namespace {

// How long slow readers get to take their last replies.
constexpr int64_t kStopPatienceMs = 500;

int fail(Log& log, const Options& options, const std::string& why) {
  log.warning(why);
  if (!options.text("logfile").empty()) std::fprintf(stderr, "larder-server: %s\n", why.c_str());
  return 1;
}

// Several shards per worker make two workers meeting at one lock rare.
unsigned shard_bits_for(unsigned threads) {
  unsigned bits = 4;
  while ((1U << bits) < threads * 16 && bits < kShardBitsMax) ++bits;
  return bits;
}

sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // inherited by every thread
  ::signal(SIGPIPE, SIG_IGN);
  return signals;
}

void wait_for_end(const sigset_t& signals, Log& log) {
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGHUP) {
      log.notice(signal == SIGINT ? "Received SIGINT, stopping" : "Received SIGTERM, stopping");
      return;
    }
    const std::string error = log.reopen();
    error.empty() ? log.notice("Received SIGHUP, log reopened") : log.warning(error);
  }
}

ListenOptions listen_options(const Options& options) {
  ListenOptions listen;
  listen.addresses = options.words("bind");
  listen.port = static_cast<uint16_t>(options.integer("port"));
  listen.backlog = static_cast<int>(options.integer("tcp-backlog"));
  listen.unix_path = options.text("unixsocket");
  listen.unix_permissions =
      static_cast<unsigned>(std::stoul(options.text("unixsocketperm"), nullptr, 8));
  return listen;
}

// Three quarters leave room for buffers, fragmentation and the program.
void limit_by_container(Options& options) {
  const auto limit = memory_limit_bytes();
  if (!limit || options.source("maxmemory") != OptionSource::standard) return;
  (void)options.assign_text(*Options::find("maxmemory"), std::to_string(*limit / 4 * 3),
                            OptionSource::machine);
}

// Where files would be kept: CONFIG GET dir tells the working directory as long as none are.
void set_directory(Options& options) {
  std::error_code error;
  const std::string path = std::filesystem::current_path(error);
  if (options.source("dir") != OptionSource::standard) return;
  (void)options.assign_text(*Options::find("dir"), path, OptionSource::machine);
}

void log_start(Log& log, const LoadedOptions& loaded, unsigned threads) {
  const std::string memory = loaded.options.text("maxmemory");
  log.notice("larder-server " + std::string(kLarderVersion) + " starting, pid " +
             std::to_string(::getpid()) + ", " + std::to_string(threads) + " threads, maxmemory " +
             (memory == "0" ? "unlimited" : memory) + ", " +
             (loaded.file.empty() ? "no configuration file" : "configuration " + loaded.file));
  for (const std::string& warning : loaded.warnings) log.warning(warning);
}

std::string addresses_text(const Options& options) {
  std::string text = options.integer("port") == 0
                         ? ""
                         : options.text("bind") + " port " + options.text("port");
  const std::string& path = options.text("unixsocket");
  if (!path.empty()) text += (text.empty() ? "" : " and ") + path;
  return text.empty() ? "nothing" : text;
}

// Lowers `maxclients` to what the system allows.
std::string plan_descriptors(Options& options, unsigned threads, Log& log) {
  const DescriptorPlan plan = reserve_descriptors(options.integer("maxclients"), threads);
  if (!plan.error.empty() || plan.warning.empty()) return plan.error;
  log.warning(plan.warning);
  (void)options.assign_text(*Options::find("maxclients"), std::to_string(plan.clients_max),
                            OptionSource::machine);
  return "";
}

std::string rename_commands(Registry& registry, const LoadedOptions& loaded) {
  for (const auto& [from, to] : loaded.renames) {
    if (!registry.rename(from, to)) return "rename-command: no command '" + from + "' to rename";
  }
  return "";
}

std::string listen_again(Network& network, Log& log, const Options& now) {
  std::string why = network.listen_again(listen_options(now));
  if (!why.empty()) log.warning(why);
  return why;
}

}  // namespace

int serve(LoadedOptions loaded) {
  Options& options = loaded.options;
  if (options.is_on("daemonize") && !go_to_background()) return 1;
  use_one_malloc_arena();
  const sigset_t signals = block_signals();
  Log log;
  const std::string log_error =
      log.open(options.text("logfile"), options.text("log-format") == "json");
  if (!log_error.empty()) return fail(log, Options(), log_error);  // it goes to stderr still
  log.set_level(log_level_of(options.text("loglevel")));

  const auto asked = static_cast<unsigned>(options.integer("threads"));
  const unsigned threads = asked != 0 ? asked : usable_cores();
  limit_by_container(options);
  set_directory(options);
  log_start(log, loaded, threads);
  if (const std::string error = plan_descriptors(options, threads, log); !error.empty()) {
    return fail(log, options, error);
  }
  seed_hash(random_seed());
  ReclaimerThread reclaimer;
  const unsigned shard_bits = shard_bits_for(threads);
  Listeners listeners(threads, shard_bits);
  Store store({.shard_bits = shard_bits,
               .databases = static_cast<unsigned>(options.integer("databases")),
               .events = &listeners,
               .reclaimer = &reclaimer});
  const TrimmerThread trimmer(store.memory());
  listeners.tracking.connect(store);
  Registry registry;
  add_all_commands(registry);
  if (const std::string error = rename_commands(registry, loaded); !error.empty()) {
    return fail(log, options, error);
  }
  LiveSettings settings;
  SlowLog slow_log;
  LatencyMonitor latency;
  ErrorStats error_stats;
  Rates rates;
  PauseState pause;
  std::atomic<unsigned> monitors{0};
  LiveConfiguration configuration(options, loaded.file,
                                  {store, settings, slow_log, log, listeners});
  if (const std::string error = configuration.apply_all(); !error.empty()) {
    return fail(log, options, error);
  }
  Network network(threads, registry.all().size(),
                  {[&log](const std::string& text) { log.verbose(text); },
                   [&log](const std::string& text) { log.warning(text); },
                   [] { ::kill(::getpid(), SIGTERM); }});
  if (const std::string error = network.listen(listen_options(options)); !error.empty()) {
    return fail(log, options, error);
  }
  configuration.set_listen_again(
      [&](const Options& now) { return listen_again(network, log, now); });
  const PidFile pid_file(options.text("pidfile"));
  if (!pid_file.error().empty()) log.warning(pid_file.error());
  Services services{store,   registry,    settings, network,  slow_log,
                    latency, error_stats, rates,    pause,    monitors,
                    listeners, configuration, unix_ms(), random_hex(40)};
  listeners.pushes.connect(network);
  network.start(services);
  log.notice("Ready to accept connections on " + addresses_text(options));
  notify_supervisor(options.text("supervised"), "READY=1\n");
  wait_for_end(signals, log);
  notify_supervisor(options.text("supervised"), "STOPPING=1\n");
  network.stop(kStopPatienceMs);
  log.notice("Stopped");
  return 0;
}

}  // namespace larder
