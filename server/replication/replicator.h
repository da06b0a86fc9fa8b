// Replication of this server: its role, its replicas or its primary, and what every write's
// acknowledgement is up to.
//
//   commands, on workers --> mutex --> state            short and without shard locks inside
//                        --> jobs  --> control thread   role changes, full syncs, cron, failover
//   link's thread        --> LinkOwner                  what the primary sent
//   replicas' workers    --> ReplicaKeeper
//
// Lock order: every shard -> mutex_ -> a replica's -> the effect log's. Nobody waits for a thread
// with mutex_ held.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/trickle.h"
#include "server/engine/replication.h"
#include "server/engine/watchers.h"
#include "server/replication/ack_question.h"
#include "server/replication/failover.h"
#include "server/replication/full_sync.h"
#include "server/replication/history.h"
#include "server/replication/link.h"
#include "server/replication/own_keys.h"
#include "server/replication/replica.h"
#include "server/replication/settings.h"
#include "server/replication/stream_place.h"
#include "server/replication/sync_damper.h"
#include "server/replication/takeover.h"

namespace larder {

class Call;
struct Services;
struct Session;

class Replicator : public Replication, private ReplicaKeeper, private LinkOwner {
 public:
  using LogLine = std::function<void(bool warning, const std::string& text)>;
  using Primary = std::optional<PrimaryAddress>;  // nothing: this server is one

  Replicator(ReplicationSettings& settings, LogLine log);
  ~Replicator() override;

  // `services` outlives stop(). The network must be there, but need not run yet.
  void start(Services& services);
  void stop();
  // An option has another value.
  void settings_changed();

  // --- Roles
  Primary primary() const;
  struct RoleChange {
    Primary primary;
    bool complete = false;  // the old primary hands over: nobody has more than this server
  };
  // Takes a role, soon; then calls `done` on the control thread. Who leads may have to take over
  // first, see takeover.h.
  void change_role(RoleChange change, std::function<void()> done);
  void change_id() override;
  struct RoleFacts {
    Primary primary;
    Link::State link = Link::State::waiting;
    bool link_up = false;
    uint64_t offset = 0;
    std::vector<std::shared_ptr<Replica>> replicas;  // online ones
  };
  RoleFacts role() const;
  std::string info() override;
  SyncCounts sync_counts() override;
  void reset_counts() override;
  size_t replica_count() const override;
  bool is_sending_file() const override { return sending_file_.load(); }

  // --- Replicas. On the client's worker.
  // What this client has said of itself; made when it says something for the first time.
  std::shared_ptr<Replica> replica_of(Call& call);
  // PSYNC and SYNC: the error, or ok; what is to be sent is then on its way.
  struct SyncRequest {
    std::string id;
    int64_t next = -1;
    bool old_style = false;  // SYNC
  };
  Status sync(const std::shared_ptr<Replica>& replica, const SyncRequest& request);
  // This server has the stream of that id.
  bool follows_stream(Bytes id) const;
  void acknowledge(Replica& replica, uint64_t offset, uint64_t on_disk);

  // --- Acknowledgements
  // How many replicas have everything up to `offset`, on disk or at all.
  size_t count_acked(uint64_t offset, bool on_disk) const;
  // Makes replicas acknowledge soon; `changed` is called (on any thread) whenever one did, until
  // the returned handle goes.
  std::shared_ptr<void> watch_acks(std::function<void()> changed);
  void ask_acks() override;
  int64_t ack_timeout_ms() const override { return settings_.ack_timeout_ms.load(); }
  std::string ack_error(uint64_t offset) override;
  std::optional<unsigned> stream_db() override;
  std::vector<std::pair<std::string, std::string>> stream_facts() override;
  void note_own_key(int64_t expiry_ms, unsigned db, Bytes name) override {
    own_keys_.note(expiry_ms, db, name);
  }
  size_t own_keys() override { return own_keys_.count(); }
  void hold(bool on) override;
  void bear_disk_errors() override;
  void note_failed_command(Bytes command, Bytes error) override;
  uint64_t failed_commands() const override { return failed_commands_.load(); }

  // --- A start with data
  // The role that the configuration gives. Before the data is loaded: what a replica loads does
  // not end by itself, as its primary's clock counts.
  void begin_as(Primary primary);
  // What was loaded is the data at that place of a stream: a replica goes on there, and the
  // replicas of a primary may. Before the first key is loaded.
  void restore(const StreamPlace& place);

  // --- Failover
  Status start_failover(const FailoverPlan& plan);
  Status abort_failover();
  bool fails_over() const;
  // Before the server ends: waits until all replicas, also those that are being sent the file, have
  // everything, as long as `goes_on` says so, and tells how many have. No more writes are taken.
  void wait_for_replicas(const std::function<bool()>& goes_on);
  // One of them takes over. False: none did so in that time, or `goes_on` put an end to it.
  bool hand_over(int64_t ms, const std::function<bool()>& goes_on);

 private:
  friend class Failover;
  friend class Takeover;
  using Replicas = std::vector<std::shared_ptr<Replica>>;
  // Of the log's lines that every command of the stream could cause.
  static constexpr int64_t kTellSpanMs = 10'000;

  // ReplicaKeeper
  void replica_closed(Replica& replica) override;
  void all_sent() override;
  void note_sent() override;
  // LinkOwner
  Have have() override;
  void link_changed() override;
  void load_begins(bool beside) override;
  void stream_ends() override;
  void synced(const std::string& id, uint64_t offset, unsigned db) override;
  void sync_failed() override;
  void file_came(uint64_t bytes) override;
  void resumed(const std::string& id) override;
  void log(bool warning, const std::string& text) override { log_(warning, text); }

  // Control thread
  void run();
  void post(std::function<void()> job);
  void cron(int64_t now_ms);
  void each_second(int64_t now_ms);
  void promote();
  void lead();
  void follow(PrimaryAddress primary, bool failover);
  void make_link(PrimaryAddress primary, Link::Purpose purpose);
  void end_link();
  void unblock_clients();
  void start_full_sync(int64_t now_ms);
  Replicas replicas_due(int64_t now_ms);
  void begin_full_sync(const Replicas& replicas);
  void full_sync_done(const std::string& error, const Replicas& replicas);
  void cut_silent(int64_t now_ms);
  void tend_backlog(int64_t now_ms);

  EffectLog& effects() const;
  bool may_sync_locked(const Replica& replica, const SyncRequest& request) const;
  std::string sync_partially(Replica& replica, const SyncRequest& request);
  EffectLog::ReaderOptions reader_options() const;
  Replicas online() const;  // takes mutex_
  Replicas online_locked() const;
  Replicas all_replicas() const;  // takes mutex_
  void cut_replicas();
  size_t group_size_locked() const;
  size_t good_replicas_locked() const;  // that have acknowledged lately
  void update_gates();
  void update_hiding();
  std::vector<uint64_t> sent_offsets_locked() const;
  uint64_t acked_offset_locked(ReplicationSettings::Acks acks);
  void load_ends();
  void update_acked();
  void rename_history_locked(std::string id);

  ReplicationSettings& settings_;
  const LogLine log_;
  Services* services_ = nullptr;

  mutable std::mutex mutex_;
  History history_;               // guarded by mutex_, as all down to the atomics
  Primary wanted_;                // the role as told
  bool following_ = false;        // the role as it is
  bool has_stream_ = false;       // the effect log is the stream that history_ names
  std::unique_ptr<Link> link_;
  Replicas replicas_;             // all that asked to be one
  size_t replicas_seen_ = 0;      // most that were online at once
  SyncDamper damper_;
  int64_t lonely_since_ms_ = 0;   // no replica since; steady clock
  Watchers ack_watchers_;
  Failover failover_{*this};
  Takeover takeover_{*this};
  SyncCounts sync_counts_;

  bool has_backlog_ = false;
  OwnKeys own_keys_;

  std::atomic<bool> follows_{false};      // following_, for all_sent
  std::atomic<bool> hides_{false};        // a replica's keys whose time has come are hidden
  std::atomic<bool> held_{false};         // see hold()
  std::atomic<uint64_t> acked_{0};
  std::atomic<bool> unsent_{false};  // enough have acknowledged what others were not even sent
  AckQuestion question_;
  std::atomic<bool> sending_file_{false};
  std::atomic<uint64_t> failed_commands_{0};
  Trickle failures_told_{10, kTellSpanMs};
  Trickle disk_errors_told_{1, kTellSpanMs};

  // Control thread's
  std::unique_ptr<FullSync> full_sync_;
  int64_t pinged_ms_ = 0;
  int64_t second_ms_ = 0;
  std::mutex jobs_mutex_;
  std::condition_variable jobs_changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread control_;
};

}  // namespace larder
