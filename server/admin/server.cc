#include "server/admin/server.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/hash.h"
#include "base/periodic_thread.h"
#include "base/random.h"
#include "server/admin/all_commands.h"
#include "server/admin/live_configuration.h"
#include "server/admin/log.h"
#include "server/admin/machine.h"
#include "server/admin/option_rows.h"
#include "server/admin/process.h"
#include "server/admin/reclaimer.h"
#include "server/admin/server_end.h"
#include "server/admin/signals.h"
#include "server/admin/trimmer.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/activity.h"
#include "server/engine/listeners.h"
#include "server/engine/pause.h"
#include "server/engine/registry.h"
#include "server/engine/script_run.h"
#include "server/engine/version.h"
#include "server/net/network.h"
#include "server/net/tls.h"
#include "server/persistence/append_only_file.h"
#include "server/persistence/eviction_facts.h"
#include "server/persistence/saver.h"
#include "server/replication/replicator.h"
#include "server/scripting/engine.h"
#include "server/scripting/function_store.h"
#include "storage/huge_pages.h"
#include "storage/page_pool.h"
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

// Keeps up with some 150 MB a second, and the looking needs less than half a per cent of a core.
constexpr PeriodicThread::Pause kJoinPause{100};
constexpr size_t kJoinChunks = 16;

// Joining copies 2 MiB, some 0.3 ms in which a worker may have to wait that touches just those or
// takes new memory from the system.
PeriodicThread::Pause join_pages(HeapJoiner& heap) {
  for (PagePool& pool : page_pools()) (void)pool.join_some(kJoinChunks);
  (void)heap.join_some(kJoinChunks);
  return kJoinPause;
}

// Null: pages stay as they are.
std::unique_ptr<PeriodicThread> start_page_joiner(const Options& options) {
  if (!options.is_on("huge-pages") || !offers_huge_pages()) return nullptr;
  return std::make_unique<PeriodicThread>(
      "page-joiner", kJoinPause, [heap = HeapJoiner()]() mutable { return join_pages(heap); });
}

// Several shards per worker make two workers meeting at one lock rare. Of a small limit (0: none)
// what each of them and their policies has of its own would take too much.
unsigned shard_bits_for(unsigned threads, int64_t limit_bytes) {
  constexpr int64_t kShardBytesMin = 256 * 1024;
  const auto are_affordable = [limit_bytes](unsigned bits) {
    return limit_bytes == 0 || limit_bytes >> bits >= kShardBytesMin;
  };
  unsigned bits = 4;
  while ((1U << bits) < threads * 16 && bits < kShardBitsMax && are_affordable(bits + 1)) ++bits;
  return bits;
}

void look_at_tls_files(TlsSettings& tls, Log& log) {
  const auto news = tls.look_at_files();
  if (news) news->good ? log.notice(news->text) : log.warning(news->text);
}

ListenOptions listen_options(const Options& options) {
  ListenOptions listen;
  listen.addresses = options.words("bind");
  listen.port = static_cast<uint16_t>(options.integer("port"));
  listen.tls_port = static_cast<uint16_t>(options.integer("tls-port"));
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

// Moves to where files are helpers. CONFIG GET dir tells the whole path.
std::string set_directory(Options& options) {
  const OptionSource source = options.source("dir");
  const bool given = source != OptionSource::standard;
  if (given && ::chdir(options.text("dir").c_str()) != 0) {
    return "can't work in " + options.text("dir") + ": " + std::strerror(errno);
  }
  std::error_code error;
  const std::string path = std::filesystem::current_path(error);
  (void)options.assign_text(*Options::find("dir"), path, given ? source : OptionSource::machine);
  return "";
}

// What has work beside the clients' while the server runs.
struct Helpers {
  Saver& saver;
  AppendOnlyFile& append_only;
  Replicator& replicator;
  TlsSettings& tls;
  ServerEnd& end;
};

// Returns what went wrong.
std::string load_data(const Helpers& helpers, const LoadedOptions& loaded,
                      const std::function<bool()>& stop) {
  const bool from_log = loaded.options.is_on("appendonly");
  PlaceFinder finder([&](const StreamPlace& place) { helpers.replicator.restore(place); });
  const bool follows = helpers.replicator.primary().has_value();
  std::string error =
      from_log ? "" : helpers.saver.load({&finder, follows, stop});
  if (error.empty()) error = helpers.append_only.start(stop);
  if (!error.empty() || loaded.import_path.empty()) return error;
  std::optional<unsigned> db;
  if (loaded.import_db >= 0) db = static_cast<unsigned>(loaded.import_db);
  error = helpers.saver.import({loaded.import_path, loaded.import_pattern, db, stop});
  if (error.empty() && from_log) (void)helpers.append_only.start_rewrite();
  return error;
}

// Keys keep their hashes over a planned restart: what was learned of them still holds.
std::optional<uint64_t> kept_seed(const Options& options) {
  if (options.is_on("appendonly")) return {};
  return hash_seed_in(options.text("dbfilename"));
}

void log_start(Log& log, const LoadedOptions& loaded, unsigned threads) {
  const std::string memory = loaded.options.text("maxmemory");
  log.notice("larder-server " + std::string(kLarderVersion) + " starting, pid " +
             std::to_string(::getpid()) + ", " + std::to_string(threads) + " threads, maxmemory " +
             (memory == "0" ? "unlimited" : memory) + ", " +
             (loaded.file.empty() ? "no configuration file" : "configuration " + loaded.file));
  for (const std::string& warning : loaded.warnings) log.warning(warning);
}

// Told at the start, and not only when a save has failed and writes are refused.
void warn_of_folder(const Options& options, Log& log) {
  if (options.text("save").empty() || ::access(".", W_OK) == 0) return;
  log.warning("Can't save to " + options.text("dir") + ": " + std::strerror(errno) +
              ". Writes will be refused when a save fails: name another dir, or set save to \"\"");
}

std::string addresses_text(const Options& options) {
  std::string text;
  const auto add = [&](const std::string& place) { text += (text.empty() ? "" : " and ") + place; };
  const std::string& bind = options.text("bind");
  if (options.integer("port") != 0) add(bind + " port " + options.text("port"));
  if (options.integer("tls-port") != 0) add(bind + " TLS port " + options.text("tls-port"));
  const std::string& path = options.text("unixsocket");
  if (!path.empty()) add(path);
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
  for (const auto& [where, from, to] : loaded.renames) {
    const bool exists = registry.find(from) != nullptr;
    if (registry.rename(from, to)) continue;
    return where + ": " +
           (exists ? "Target command name '" + to + "' already exists"
                   : "No such command '" + from + "' in rename-command");
  }
  return "";
}

// `replicaof` of the configuration; nothing: this server is a primary.
Replicator::Primary primary_of(const Options& options) {
  const std::vector<std::string> words = options.words("replicaof");
  if (words.empty()) return {};
  return PrimaryAddress{words[0], static_cast<uint16_t>(std::atoi(words[1].c_str()))};
}

std::string open_log(Log& log, const Options& options) {
  log.set_level(log_level_of(options.text("loglevel")));
  return log.open(options.text("logfile"), options.text("log-format") == "json");
}

// Users stand in the configuration or in a file of their own.
std::string load_users(AccessControl& access, const LoadedOptions& loaded) {
  std::filesystem::path file = loaded.options.text("aclfile");
  if (!file.empty() && !loaded.users.empty()) {
    return "Configuring Redis with users defined in redis.conf and at the same setting an ACL file "
           "path is invalid. This setup is very likely to lead to configuration errors and "
           "security holes, please define either an ACL file or declare users directly in your "
           "redis.conf, but not both.";
  }
  for (const auto& user : loaded.users) {
    const std::string error = access.declare(user.words);
    if (!error.empty()) return user.where + ": " + error;
  }
  if (file.empty()) return "";
  access.file = std::filesystem::path(loaded.options.text("dir")) / file;
  const std::string error = access.load(nullptr);
  return error.empty() ? "" : "Aborting because of ACL errors: " + error;
}

// The title may name where it listens.
std::string listen_again(Network& network, Log& log, ProcessTitle& title, const Options& now) {
  std::string why = network.listen_again(listen_options(now));
  why.empty() ? title.show(now) : log.warning(why);
  return why;
}

bool has_data(const LoadedOptions& loaded) {
  std::error_code error;
  const Options& options = loaded.options;
  return !loaded.import_path.empty() ||
         std::filesystem::exists(options.text("dbfilename"), error) ||
         std::filesystem::exists(options.text("appenddirname"), error);
}

// Loads the data and serves until it may end. Returns the exit code.
int serve_data(Services& services, Network& network, const Helpers& helpers, Log& log,
               const LoadedOptions& loaded, Signals& signals) {
  const Options& options = loaded.options;
  services.ending = &helpers.end;
  warn_of_folder(options, log);
  // What is loaded may take its time, and who asks is told so. Without data nobody needs to know.
  const bool takes_time = has_data(loaded);
  services.settings.set_trouble(kLoading, takes_time);
  helpers.replicator.start(services);
  const auto primary = primary_of(options);
  helpers.replicator.begin_as(primary);
  if (takes_time) network.start(services);
  std::string error;
  bool ended = false;
  {
    const SignalWatch watch(signals);
    error = load_data(helpers, loaded, [&] { return watch.ended(); });
    ended = watch.ended();
  }
  if (takes_time && (ended || !error.empty())) network.stop(0);
  if (ended) {  // there is nothing to save
    helpers.append_only.stop();
    return 0;
  }
  if (!error.empty()) return fail(log, options, "Fatal error loading the data: " + error);
  helpers.saver.start();  // what is there now is saved; what clients change from here on is not
  services.settings.set_trouble(kLoading, false);
  if (!takes_time) network.start(services);
  if (primary) helpers.replicator.change_role({.primary = primary}, [] {});
  log.notice("Ready to accept connections on " + addresses_text(options));
  notify_supervisor(options.text("supervised"), "READY=1\n");
  helpers.end.wait([&] { look_at_tls_files(helpers.tls, log); });
  notify_supervisor(options.text("supervised"), "STOPPING=1\n");
  helpers.replicator.stop();
  network.stop(kStopPatienceMs);
  helpers.append_only.stop();
  log.notice("Stopped, ready to exit, bye bye...");
  return 0;
}

unsigned threads_of(const Options& options) {
  const auto asked = static_cast<unsigned>(options.integer("threads"));
  return asked != 0 ? asked : usable_cores();
}

NetworkEvents network_events(Log& log) {
  return {[&log](const std::string& text) { log.verbose(text); },
          [&log](const std::string& text) { log.warning(text); }};
}

ScriptRun::Log script_log(Log& log) {
  return [&log](int level, const std::string& line) {
    log.write(static_cast<LogLevel>(level), line);
  };
}

Replicator::LogLine replication_log(Log& log) {
  return [&log](bool warning, const std::string& text) {
    warning ? log.warning(text) : log.notice(text);
  };
}

AofEvents aof_events(Log& log) {
  return {.notice = [&log](const std::string& text) { log.notice(text); },
          .warning = [&log](const std::string& text) { log.warning(text); },
          .fatal = [&log](const std::string& text) {
            log.warning(text);
            std::_Exit(1);
          }};
}

Saver::Logs saver_logs(Log& log) {
  return {[&log](const std::string& text) { log.notice(text); },
          [&log](const std::string& text) { log.warning(text); }};
}

// Files hold the libraries of functions too.
Saver::Functions functions_of(ScriptEngine& scripts, ScriptRun& script) {
  const auto codes = [&scripts] {
    std::vector<std::string> all;
    scripts.functions().for_each_library([&](Bytes code) { all.emplace_back(code); });
    return all;
  };
  const auto enter = [&script] {
    constexpr std::chrono::milliseconds kPatience{1};  // while a long script has the turn
    while (!script.enter()) std::this_thread::sleep_for(kPatience);
  };
  const auto load = [&scripts](Bytes code, bool replace) {
    using Collision = FunctionStore::Collision;
    std::string name;
    const Status status =
        scripts.functions().load(code, replace ? Collision::replace : Collision::refuse, name);
    return status.is_ok() ? std::string() : std::string(status.text());
  };
  const auto drop = [&scripts] { scripts.functions().flush(); };
  return {codes, load, drop, enter, [&script] { script.leave(); }};
}

void connect(Services& services, Saver& saver, Log& log) {
  services.error_stats.warn = [&log](const std::string& line) { log.warning(line); };
  saver.set_functions(functions_of(services.scripts, services.script));
  services.persistence = &saver;
}

}  // namespace

std::string check(LoadedOptions loaded) {
  std::string fault = set_directory(loaded.options);
  if (fault.empty()) fault = tls_fault(loaded.options);
  Registry registry;
  add_all_commands(registry);
  if (fault.empty()) fault = rename_commands(registry, loaded);
  AccessControl access(registry);
  if (fault.empty()) fault = load_users(access, loaded);
  return fault;
}

int serve(LoadedOptions loaded, ProcessTitle& title) {
  Options& options = loaded.options;
  Log log;
  std::string fault = set_directory(options);
  if (fault.empty()) fault = open_log(log, options);
  if (!fault.empty()) return fail(log, Options(), fault);  // it goes to stderr still
  if (options.is_on("daemonize") && !go_to_background()) return 1;
  use_one_malloc_arena();
  Signals signals(log);

  const unsigned threads = threads_of(options);
  limit_by_container(options);
  log_start(log, loaded, threads);
  fault = plan_descriptors(options, threads, log);
  if (!fault.empty()) return fail(log, options, fault);

  seed_hash(kept_seed(options).value_or(random_seed()));
  ReclaimerThread reclaimer;
  const unsigned shard_bits = shard_bits_for(threads, options.bytes("maxmemory"));
  Listeners listeners(threads, shard_bits);
  Store store({.shard_bits = shard_bits,
               .databases = static_cast<unsigned>(options.integer("databases")),
               .events = &listeners,
               .reclaimer = &reclaimer});
  const TrimmerThread trimmer(store.memory());
  const auto page_joiner = start_page_joiner(options);
  listeners.tracking.connect(store);
  Registry registry;
  add_all_commands(registry);
  fault = rename_commands(registry, loaded);
  LiveSettings settings;
  SlowLog slow_log;
  LatencyMonitor latency;
  ErrorStats error_stats;
  Rates rates;
  PauseState pause;
  std::atomic<unsigned> monitors{0};
  ReplicationSettings replication_settings;
  AccessControl access(registry);
  TlsSettings tls;
  LiveConfiguration configuration(
      options, loaded.file,
      {store, settings, slow_log, log, listeners, replication_settings, access, tls, title});
  if (fault.empty()) fault = configuration.apply_all();
  if (fault.empty()) fault = load_users(access, loaded);
  Network network(threads, registry.all().size(), network_events(log), tls);
  if (fault.empty()) fault = network.listen(listen_options(options));
  if (!fault.empty()) return fail(log, options, fault);
  configuration.set_listen_again(
      [&](const Options& now) { return listen_again(network, log, title, now); });
  const PidFile pid_file(options.text("pidfile"));
  if (!pid_file.error().empty()) log.warning(pid_file.error());
  ScriptRun script(script_log(log));
  ScriptEngine scripts(settings, script);
  Services services{store,   registry,    settings, network,  slow_log,
                    latency, error_stats, rates,    pause,    monitors,
                    listeners, configuration, script, scripts, access, unix_ms(), random_hex(40)};
  listeners.pushes.connect(network);
  Saver saver(services, saver_logs(log));
  connect(services, saver, log);
  AppendOnlyFile append_only(services, aof_options(options), aof_events(log));
  services.append_only = &append_only;
  configuration.set_append_only(
      [&](const Options& now) { append_only.configure(aof_options(now)); });
  Replicator replicator(replication_settings, replication_log(log));
  services.replication = &replicator;
  ServerEnd end(services, replicator, log, signals);
  const Helpers helpers{saver, append_only, replicator, tls, end};
  return serve_data(services, network, helpers, log, loaded, signals);
}

}  // namespace larder
