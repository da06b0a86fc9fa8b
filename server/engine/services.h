// What commands work with, handed to them by the dispatcher: the store, the settings that may
// change while the server runs, and the doors to the rooms above.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "server/engine/secure_stream.h"
#include "server/engine/session.h"
#include "server/engine/stats.h"

namespace larder {

class AppendOnly;
class Persistence;
class Store;
class Registry;
struct Command;

// What keeps commands from being run as usual, a bit each: LiveSettings::trouble.
enum Trouble : uint32_t {
  kLoading = 1,          // the data is being loaded
  kSaveFailed = 2,       // the last save failed, and stop-writes-on-bgsave-error is on
  kAofFailed = 4,        // the append-only file can't be written
  kReadOnlyReplica = 8,  // clients may not write
  kStaleReplica = 16,    // the primary is not there, and old data is not to be given
  kTooFewReplicas = 32,  // min-replicas-to-write
  kPrimaryEvicts = 64,   // a replica: no trouble, but its memory is its primary's matter
  kLoadingBeside = 128,  // data that will take the place of what is here is being loaded
};

// Options that commands and connections read all the time. Filled from the configuration.
class LiveSettings {
 public:
  std::atomic<int64_t> bulk_bytes_max{512LL * 1024 * 1024};  // proto-max-bulk-len
  std::atomic<int64_t> query_buffer_max{1024LL * 1024 * 1024};
  // client-output-buffer-limit of a class of clients; 0: none.
  struct OutputLimit {
    std::atomic<int64_t> hard_bytes{0};
    std::atomic<int64_t> soft_bytes{0};
    std::atomic<int64_t> soft_seconds{0};
  };
  OutputLimit output_limit;         // of normal clients
  OutputLimit output_limit_pubsub;  // of those with subscriptions
  OutputLimit output_limit_replica;
  std::atomic<int64_t> clients_max{10000};
  std::atomic<int64_t> idle_seconds_max{0};     // timeout
  std::atomic<int64_t> keepalive_seconds{300};
  std::atomic<int64_t> slow_us_min{10000};      // slowlog-log-slower-than, negative: off
  std::atomic<int64_t> slow_entries_max{128};
  std::atomic<int64_t> stream_entries_max{100};   // stream-node-max-entries, 0: no limit
  std::atomic<int64_t> stream_bytes_max{4096};    // stream-node-max-bytes, 0: no limit
  std::atomic<int64_t> latency_ms_min{0};       // latency-monitor-threshold, 0: off
  std::atomic<int64_t> zset_pack_members{128};       // zset-max-listpack-entries
  std::atomic<int64_t> zset_pack_member_bytes{64};   // zset-max-listpack-value
  std::atomic<bool> latency_tracking{true};
  std::atomic<bool> protected_mode{true};
  std::atomic<bool> bound_explicitly{false};    // `bind` was given
  static constexpr int64_t kNever = INT64_MAX;
  static constexpr int64_t kReplyPeakMs = 5000;
  // A reply buffer is fitted to the most it held in this time (DEBUG REPLYBUFFER).
  std::atomic<int64_t> reply_peak_ms{kReplyPeakMs};
  // Redis shares small integers between keys unless each key's use is tracked (LRU, LFU).
  std::atomic<bool> tracks_use{false};
  std::atomic<int64_t> clients_bytes_max{0};    // maxmemory-clients, 0: none
  std::atomic<bool> cron_paused{false};         // DEBUG PAUSE-CRON
  std::atomic<int64_t> busy_script_ms{5000};    // busy-reply-threshold
  std::atomic<int64_t> script_bytes_max{INT64_MAX};  // of the Lua interpreter
  std::atomic<bool> noscript_ignored{false};    // DEBUG SET-DISABLE-DENY-SCRIPTS
  std::atomic<bool> checksums_ignored{false};   // DEBUG SET-SKIP-CHECKSUM-VALIDATION
  // Whether rules say how long some keys live, and whether reads renew some; see TtlRules.
  std::atomic<bool> ttl_rules_govern{false};
  std::atomic<bool> ttl_rules_slide{false};
  std::atomic<bool> lazy_flush{false};          // lazyfree-lazy-user-flush
  // Up to where collections stay packed; see storage/pack_limits.h.
  std::atomic<int64_t> hash_pack_fields_max{512};
  std::atomic<int64_t> hash_pack_bytes_max{64};
  std::atomic<int64_t> set_integers_max{512};
  std::atomic<int64_t> set_pack_members_max{128};
  std::atomic<int64_t> set_pack_bytes_max{64};
  std::atomic<int64_t> hll_sparse_bytes_max{3000};
  std::atomic<int64_t> list_max_listpack_size{-2};  // see ListLimits
  std::atomic<int64_t> list_compress_depth{0};
  std::atomic<bool> rdb_compression{true};  // rdbcompression
  std::atomic<uint32_t> trouble{0};         // of Trouble; 0: all is well
  void set_trouble(Trouble bit, bool on) {
    on ? trouble.fetch_or(bit) : trouble.fetch_and(~uint32_t{bit});
  }
  // no, yes or local: who may use DEBUG.
  enum class Debug : uint8_t { no, yes, local };
  std::atomic<Debug> debug{Debug::no};
};

// A client as seen by commands that ask about or act on others (CLIENT LIST, CLIENT KILL).
class ClientView {
 public:
  virtual ~ClientView() = default;
  virtual Session& session() = 0;
  virtual size_t query_bytes() const = 0;
  virtual size_t query_capacity() const = 0;
  virtual size_t output_bytes() const = 0;
  // The buffer that recent replies needed, within Redis's bounds for it.
  virtual size_t reply_buffer_bytes() const = 0;
  // The most that stood in it lately.
  virtual size_t reply_peak_bytes() const = 0;
  // Of the request being run.
  virtual size_t argument_bytes() const = 0;
  virtual size_t memory_bytes() const = 0;
  // Ends the connection, at once or once what was answered is sent.
  virtual void kill(bool after_reply) = 0;
  // Ends the waiting of the client's task with an error; null: as if its time were over. False when
  // none waits.
  virtual bool unblock(const char* error) = 0;
  // Sends bytes that are not a reply (MONITOR, push).
  virtual void send(Bytes bytes) = 0;
  // Takes a message that is no reply: '>' or '*' by the client's protocol version, `head`, `tail`.
  // A long tail is referred to and kept alive by `owner`. Sent by ClientsOfWorker::flush_pushes,
  // or behind the reply of the command that runs.
  virtual void push(Bytes head, Bytes tail, const std::shared_ptr<const void>& owner) = 0;
  // Its session's stream has something to send.
  virtual void feed() {}
};

// All clients of one worker, on that worker's thread.
class ClientsOfWorker {
 public:
  virtual ~ClientsOfWorker() = default;
  virtual void each(const std::function<void(ClientView&)>& visit) = 0;
  // Null when it is not here.
  virtual ClientView* find(uint64_t id) = 0;
  virtual void flush_pushes() = 0;
  virtual WorkerStats& stats() = 0;
  // Serves other clients for about a millisecond while a script runs on this worker.
  virtual void serve_others() = 0;
  // Requests that were held up by a script are tried again.
  virtual void retry_postponed() = 0;
};

// Everything the network does for commands. Another worker's connections are only ever touched on
// its own thread, so what concerns them is asked for and answered by messages.
class Workers {
 public:
  virtual ~Workers() = default;
  virtual size_t count() const = 0;
  virtual WorkerStats& stats(size_t worker) = 0;
  // Runs `visit` on one worker's thread.
  virtual void visit(size_t worker, std::function<void(ClientsOfWorker&)> visit) = 0;
  // Runs `visit` on every worker's thread (its own included), then `done` on `worker`'s.
  virtual void visit_all(size_t worker, std::function<void(ClientsOfWorker&)> visit,
                         std::function<void()> done) = 0;
  // Lets workers send replies that were held until their effects are safe, see SafePoint. From any
  // thread.
  virtual void release_replies() {}
  // Makes a connected socket a client of a worker, with an id of its own and the addresses of the
  // socket; the rest of `session` is the caller's. `unread` was read from it and comes first.
  // `tls` has read all that came before; null on a plain connection. Returns the id.
  virtual uint64_t adopt(size_t /*worker*/, int /*fd*/, Session /*session*/,
                         std::string /*unread*/, std::unique_ptr<SecureStream> /*tls*/) {
    return 0;
  }
  // The TLS of a connection that is opened to another server; null while TLS is not set up for
  // that.
  virtual std::unique_ptr<SecureStream> secure_link() { return nullptr; }
};

// The options as text, for CONFIG and INFO; server/admin has the table. Safe from any thread.
class Configuration {
 public:
  struct Assignment {
    Bytes name;
    Bytes value;
  };
  virtual ~Configuration() = default;
  // The value of one option as CONFIG GET prints it; nothing for an unknown name.
  virtual std::optional<std::string> value(Bytes name) const = 0;
  // Names and values that match a glob pattern in any case, in the table's order.
  virtual std::vector<std::pair<std::string, std::string>> matching(Bytes pattern) const = 0;
  // Changes all or none, for a client that is `local` (of this machine) or not. Returns the error
  // reply's text, or nothing.
  virtual std::string set(const std::vector<Assignment>& assignments, bool local) = 0;
  // Writes the changed options back to the file the server was started with. Returns the error
  // reply's text, or nothing.
  virtual std::string rewrite() = 0;
  // From now on REWRITE writes every option, changed or not.
  virtual void rewrite_all() = 0;
  // Notes the value of an option that a command has put into force (REPLICAOF).
  virtual void note(Bytes /*name*/, Bytes /*value*/) {}
  // Absolute path of that file; empty without one.
  virtual std::string file() const = 0;
};

class AccessControl;
class Ending;
class PauseState;
class SlowLog;
class LatencyMonitor;
class ErrorStats;
class Rates;
class Listeners;
class Replication;
class ScriptRun;
class ScriptEngine;

struct Services {
  Store& store;
  Registry& registry;
  LiveSettings& settings;
  Workers& workers;
  SlowLog& slow_log;
  LatencyMonitor& latency;
  ErrorStats& error_stats;
  Rates& rates;
  PauseState& pause;
  std::atomic<unsigned>& monitors;  // clients that get a feed
  Listeners& listeners;
  Configuration& configuration;
  ScriptRun& script;
  ScriptEngine& scripts;            // of server/scripting, which alone knows what it is
  AccessControl& access;
  int64_t start_ms = 0;             // Unix time
  std::string run_id;
  AppendOnly* append_only = nullptr;   // null: there is none (tests)
  Replication* replication = nullptr;  // null: none (tests)
  Persistence* persistence = nullptr;  // null: nothing is ever saved (tests)
  Ending* ending = nullptr;            // null: who made it ends it (tests)
};

}  // namespace larder
