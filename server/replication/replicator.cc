#include "server/replication/replicator.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "base/thread_name.h"
#include "server/engine/errors.h"
#include "server/engine/listeners.h"
#include "server/engine/registry.h"
#include "server/engine/script_run.h"
#include "server/engine/services.h"
#include "storage/all_shards.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

constexpr int64_t kCronMs = 100;
constexpr int64_t kWaitStepMs = 10;

}  // namespace

Replicator::Replicator(ReplicationSettings& settings, LogLine log)
    : settings_(settings), log_(std::move(log)) {
  history_.id = random_hex(kReplicationIdBytes);
}

Replicator::~Replicator() { stop(); }

EffectLog& Replicator::effects() const { return services_->listeners.effects; }

void Replicator::start(Services& services) {
  services_ = &services;
  settings_.on_change([this] { settings_changed(); });
  settings_changed();
  control_ = std::thread([this] { run(); });
}

void Replicator::stop() {
  if (!control_.joinable()) return;
  settings_.on_change({});
  {
    std::lock_guard lock(jobs_mutex_);
    stopping_ = true;
    jobs_changed_.notify_all();
  }
  control_.join();
  end_link();
  full_sync_.reset();
}

void Replicator::post(std::function<void()> job) {
  std::lock_guard lock(jobs_mutex_);
  jobs_.push_back(std::move(job));
  jobs_changed_.notify_all();
}

void Replicator::run() {
  name_this_thread("replication");
  int64_t next_ms = steady_ms();
  while (true) {
    std::deque<std::function<void()>> jobs;
    {
      std::unique_lock lock(jobs_mutex_);
      const auto wait = std::chrono::milliseconds(std::max<int64_t>(next_ms - steady_ms(), 0));
      jobs_changed_.wait_for(lock, wait, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      jobs.swap(jobs_);
    }
    for (const auto& job : jobs) job();
    const int64_t now_ms = steady_ms();
    if (now_ms < next_ms) continue;
    cron(now_ms);
    next_ms = now_ms + kCronMs;
  }
}

// --- Roles

Replicator::Primary Replicator::primary() const {
  std::lock_guard lock(mutex_);
  return wanted_;
}

void Replicator::change_role(RoleChange change, std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    wanted_ = change.primary;
  }
  post([this, change = std::move(change), done = std::move(done)] {
    if (change.primary) {
      follow(*change.primary, false);
    } else {
      change.complete ? lead() : promote();
    }
    done();
  });
}

// The link's thread may be about to call back: mutex_ is free meanwhile.
void Replicator::end_link() {
  std::unique_ptr<Link> ended;
  {
    std::lock_guard lock(mutex_);
    ended.swap(link_);
  }
}

// Told to lead without a word from the old primary.
void Replicator::promote() {
  Primary old;
  {
    std::lock_guard lock(mutex_);
    if (link_ != nullptr) old = link_->primary();
  }
  end_link();
  if (!takeover_.begin(old, steady_ms())) lead();
}

void Replicator::lead() {
  end_link();
  {
    const AllShards shards(services_->store);
    std::lock_guard lock(mutex_);
    if (!following_) return;
    takeover_.end_locked();
    following_ = false;
    follows_.store(false);
    services_->store.set_follows_locked(false, false);
    own_keys_.clear();
    effects().set_follows(false);
    effects().select_again();
    const std::string id = random_hex(kReplicationIdBytes);
    has_stream_ ? rename_history_locked(id) : history_.replace(id);
    replicas_seen_ = 0;
    lonely_since_ms_ = steady_ms();
  }
  cut_replicas();  // they come back and hear of the new id
  settings_changed();
  log(false, "MASTER MODE enabled");
}

void Replicator::follow(PrimaryAddress primary, bool failover) {
  end_link();
  {
    const AllShards shards(services_->store);
    std::lock_guard lock(mutex_);
    takeover_.end_locked();
    if (!following_) has_stream_ = effects().active();
    following_ = true;
    follows_.store(true);
    has_backlog_ = true;
    effects().keep_backlog(true);
    effects().set_follows(true);
    hides_.store(settings_.read_only.load());
    services_->store.set_follows_locked(true, hides_.load());
  }
  unblock_clients();
  log(false, "Connecting to MASTER " + primary.host + ":" + std::to_string(primary.port));
  make_link(std::move(primary), failover ? Link::Purpose::hand_over : Link::Purpose::follow);
  settings_changed();
}

void Replicator::make_link(PrimaryAddress primary, Link::Purpose purpose) {
  std::lock_guard lock(mutex_);
  link_ = std::make_unique<Link>(*services_, settings_, static_cast<LinkOwner&>(*this),
                                 std::move(primary), purpose);
}

// Nobody may bring what they wait for, or it comes with a whole data set, which wakes nobody. As in
// Redis their connections end, so that they look for it, here or on another server.
void Replicator::unblock_clients() {
  for (size_t i = 0; i < services_->workers.count(); ++i) {
    services_->workers.visit(i, [](ClientsOfWorker& clients) {
      clients.each([](ClientView& client) {
        const bool waits = client.session().blocked;
        if (waits && client.unblock(errors::kBecameReplica)) client.kill(true);
      });
    });
  }
}

void Replicator::change_id() {
  std::lock_guard lock(mutex_);
  history_.replace(random_hex(kReplicationIdBytes));
}

Replicator::SyncCounts Replicator::sync_counts() {
  std::lock_guard lock(mutex_);
  return sync_counts_;
}

void Replicator::reset_counts() {
  std::lock_guard lock(mutex_);
  sync_counts_ = {};
  failed_commands_.store(0);
}

size_t Replicator::replica_count() const {
  std::lock_guard lock(mutex_);
  return replicas_.size();
}

Replicator::RoleFacts Replicator::role() const {
  std::lock_guard lock(mutex_);
  RoleFacts facts;
  facts.primary = wanted_;
  facts.offset = effects().end_offset();
  if (link_ != nullptr) {
    facts.link = link_->state();
    facts.link_up = link_->is_up();
  }
  facts.replicas = online_locked();
  return facts;
}

bool Replicator::follows_stream(Bytes id) const {
  std::lock_guard lock(mutex_);
  return following_ && history_.id == id;
}

// --- Failover

bool Replicator::fails_over() const {
  std::lock_guard lock(mutex_);
  return failover_.state() != Failover::State::none;
}

Status Replicator::start_failover(const FailoverPlan& plan) {
  std::lock_guard lock(mutex_);
  return failover_.start_locked(plan, steady_ms());
}

Status Replicator::abort_failover() {
  std::lock_guard lock(mutex_);
  return failover_.abort_locked();
}

bool Replicator::hand_over(int64_t ms, const std::function<bool()>& goes_on) {
  if (!start_failover({.timeout_ms = ms}).is_ok()) return false;
  while (fails_over() && goes_on()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kWaitStepMs));
  }
  if (fails_over()) (void)abort_failover();
  return primary().has_value();
}

void Replicator::bear_disk_errors() {
  if (!settings_.ignore_disk.load()) {
    log(true, "Replica was unable to write command to disk.");
    std::_Exit(1);
  }
  if (!disk_errors_told_.pass(steady_ms())) return;
  log(true, "Replica is applying a command even though it is unable to write to disk.");
}

void Replicator::note_failed_command(Bytes command, Bytes error) {
  failed_commands_.fetch_add(1);
  if (!failures_told_.pass(steady_ms())) return;
  log(true, "== CRITICAL == A command of the primary's stream failed here, the data may differ: '" +
                lower_case(command) + "': " + std::string(error));
}

// --- LinkOwner, on the link's thread

LinkOwner::Have Replicator::have() {
  std::lock_guard lock(mutex_);
  Have have;
  if (!has_stream_) return have;
  have.db = known_db(effects());
  have.id = history_.id;
  have.next = static_cast<int64_t>(effects().end_offset()) + 1;
  return have;
}

void Replicator::link_changed() { update_gates(); }

void Replicator::load_begins(bool beside) {
  services_->settings.set_trouble(beside ? kLoadingBeside : kLoading, true);
}

void Replicator::load_ends() {
  for (const Trouble bit : {kLoading, kLoadingBeside}) services_->settings.set_trouble(bit, false);
}

void Replicator::file_came(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  sync_counts_.received_bytes += bytes;
}

void Replicator::stream_ends() {
  {
    std::lock_guard lock(mutex_);
    has_stream_ = false;
  }
  cut_replicas();
}

void Replicator::synced(const std::string& id, uint64_t offset, unsigned db) {
  {
    const AllShards shards(services_->store);
    std::lock_guard lock(mutex_);
    effects().restart_at(offset, db);
    effects().keep_backlog(true);
    history_.replace(id);
    has_stream_ = true;
    own_keys_.clear();
    acked_.store(std::min(acked_.load(), offset));  // of the stream before
  }
  update_acked();
  load_ends();
}

void Replicator::sync_failed() { load_ends(); }

void Replicator::resumed(const std::string& id) {
  {
    std::lock_guard lock(mutex_);
    if (id.empty() || id == history_.id) return;
    rename_history_locked(id);
  }
  cut_replicas();
}

// Before anything can be written under the new id: a replica that got some of it under the old one
// could not go on.
void Replicator::rename_history_locked(std::string id) {
  history_.rename(std::move(id), effects().end_offset());
  effects().end_replicas();
}

// --- What requests may do

void Replicator::settings_changed() {
  effects().set_backlog_bytes(static_cast<size_t>(settings_.backlog_bytes.load()));
  const bool may_wait = held_shards == nullptr && !services_->script.is_long();
  may_wait ? update_hiding() : post([this] { update_hiding(); });
  update_gates();
  update_acked();
}

// Where clients may write they must not meet a key that is hidden from them.
void Replicator::update_hiding() {
  if (!follows_.load() || hides_.load() == settings_.read_only.load()) return;
  const AllShards shards(services_->store);
  std::lock_guard lock(mutex_);
  if (!following_) return;
  hides_.store(settings_.read_only.load());
  services_->store.set_follows_locked(true, hides_.load());
}

size_t Replicator::good_replicas_locked() const {
  const int64_t lag_ms_max = settings_.lag_seconds_max.load() * 1000;
  const int64_t now_ms = steady_ms();
  const Replicas all = online_locked();
  return static_cast<size_t>(std::count_if(all.begin(), all.end(), [&](const auto& replica) {
    return now_ms - replica->acked_ms() <= lag_ms_max;
  }));
}

void Replicator::update_gates() {
  std::lock_guard lock(mutex_);
  uint32_t trouble = 0;
  if (following_ || wanted_) {
    if (settings_.read_only.load() || takeover_.active_locked()) trouble |= kReadOnlyReplica;
    if (settings_.ignore_memory.load()) trouble |= kPrimaryEvicts;
    const bool up = link_ != nullptr && link_->is_up();
    if (!up && !settings_.serve_stale.load()) trouble |= kStaleReplica;
  } else if (settings_.replicas_min.load() > 0) {
    const auto good = static_cast<int64_t>(good_replicas_locked());
    const bool asks = settings_.lag_seconds_max.load() > 0;
    if (asks && good < settings_.replicas_min.load()) trouble |= kTooFewReplicas;
  }
  for (const Trouble bit : {kReadOnlyReplica, kStaleReplica, kTooFewReplicas, kPrimaryEvicts}) {
    services_->settings.set_trouble(bit, (trouble & bit) != 0);
  }
}

// --- Control thread, now and then

void Replicator::cron(int64_t now_ms) {
  start_full_sync(now_ms);
  failover_.cron(now_ms);
  takeover_.cron(now_ms);
  update_gates();
  if (follows_.load()) own_keys_.expire(services_->store, unix_ms());
  if (now_ms - second_ms_ < 1000) return;
  second_ms_ = now_ms;
  each_second(now_ms);
}

void Replicator::each_second(int64_t now_ms) {
  Replicas waiting;
  bool pings = false;
  {
    std::lock_guard lock(mutex_);
    waiting = replicas_;
    pings = !following_ && !held_.load() && !replicas_.empty() &&
            failover_.state() == Failover::State::none;
  }
  for (const auto& replica : waiting) replica->keep_alive();
  if (waiting.empty()) pinged_ms_ = now_ms;  // the first one comes when its time has passed
  cut_silent(now_ms);
  tend_backlog(now_ms);
  question_.forget_late(now_ms);
  if (!pings || now_ms - pinged_ms_ < settings_.ping_seconds.load() * 1000) return;
  pinged_ms_ = now_ms;
  const Bytes ping[] = {"PING"};
  effects().append(kNoDatabase, ping, EffectFor::replicas);
  effects().wake_readers();
}

// One that does not acknowledge any more. Those that never do (SYNC) are left alone.
void Replicator::cut_silent(int64_t now_ms) {
  const int64_t timeout_ms = settings_.timeout_seconds.load() * 1000;
  for (const auto& replica : online()) {
    const int64_t acked_ms = replica->acked_ms();
    if (acked_ms == 0 || now_ms - acked_ms <= timeout_ms) continue;
    const PrimaryAddress address = address_of(*replica);
    log(true, "Disconnecting timedout replica (streaming sync): " + address.host + ":" +
                  std::to_string(address.port));
    replica->cut();
  }
}

// Without replicas for long the backlog is given up, and the stream with it: what is written from
// then on is not in it, so nobody may go on behind it.
void Replicator::tend_backlog(int64_t now_ms) {
  std::lock_guard lock(mutex_);
  if (wanted_ || following_ || !replicas_.empty()) {
    lonely_since_ms_ = now_ms;
    return;
  }
  const int64_t ttl_ms = settings_.backlog_seconds.load() * 1000;
  if (ttl_ms == 0 || !has_backlog_ || now_ms - lonely_since_ms_ < ttl_ms) return;
  has_backlog_ = false;
  effects().keep_backlog(false);
  history_.replace(random_hex(kReplicationIdBytes));
  log(false, "Replication backlog freed after " + std::to_string(ttl_ms / 1000) +
                 " seconds without connected replicas.");
}

}  // namespace larder
