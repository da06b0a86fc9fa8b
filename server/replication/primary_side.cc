// The replicator as a primary: who gets what from where, and which writes are acknowledged.
#include <algorithm>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "server/engine/call.h"
#include "server/engine/listeners.h"
#include "server/replication/acks.h"
#include "server/replication/replicator.h"

namespace larder {
namespace {

constexpr int64_t kWaitStepMs = 10;
// Replicas acknowledge every second. One that has not is not waited for.
constexpr int64_t kSilentMs = 1500;

std::string host_of(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

// Tools like redis-cli --rdb listen nowhere: they say no port.
std::string text_of(const PrimaryAddress& address) {
  return address.host + (address.port == 0 ? "" : ":" + std::to_string(address.port));
}

// For others to come that share its stream; without capability eof it shares none.
int64_t waited_ms(const Replica& replica, int64_t now_ms) {
  return replica.facts().by_mark ? now_ms - replica.waiting_since_ms() : INT64_MAX;
}

}  // namespace

Replicator::Replicas Replicator::online_locked() const {
  Replicas found;
  for (const auto& replica : replicas_) {
    if (replica->is_online()) found.push_back(replica);
  }
  return found;
}

Replicator::Replicas Replicator::online() const {
  std::lock_guard lock(mutex_);
  return online_locked();
}

Replicator::Replicas Replicator::all_replicas() const {
  std::lock_guard lock(mutex_);
  return replicas_;
}

void Replicator::cut_replicas() {
  for (const auto& replica : all_replicas()) replica->cut();
}

std::shared_ptr<Replica> Replicator::replica_of(Call& call) {
  Session& session = call.session();
  if (session.stream != nullptr && session.stream->kind() != StreamEnd::Kind::primary) {
    return std::static_pointer_cast<Replica>(session.stream);
  }
  const Replica::Place place{call.worker().index, session.id};
  auto replica = std::make_shared<Replica>(static_cast<ReplicaKeeper&>(*this), services_->workers,
                                           effects(), place);
  replica->change_facts([&](Replica::Facts& facts) {
    facts.ip = host_of(session.address);
    facts.peer_ip = facts.ip;
  });
  session.stream = replica;
  return replica;
}

Status Replicator::sync(const std::shared_ptr<Replica>& replica, const SyncRequest& request) {
  if (replica->state() != Replica::State::stranger) return Status::ok();
  std::lock_guard lock(mutex_);
  const char* const kNoLink = "NOMASTERLINK Can't SYNC while not connected with my master";
  if (!may_sync_locked(*replica, request)) return Status::error(kNoLink);
  std::string resumed = request.old_style ? "" : sync_partially(*replica, request);
  if (takeover_.active_locked()) {
    takeover_.came_locked(*replica, request.id, request.next);
    post([this] { takeover_.cron(steady_ms()); });
    if (resumed.empty()) return Status::error(kNoLink);
  }
  if (resumed.empty()) {
    replica->wait_for_file(!request.old_style, steady_ms());
    if (!request.old_style && request.id != "?") ++sync_counts_.refused;
  } else {
    ++sync_counts_.partial;
  }
  replicas_.push_back(replica);
  replicas_seen_ = std::max(replicas_seen_, online_locked().size());
  const std::string who = text_of(address_of(*replica));
  log(false, resumed.empty() ? "Replica " + who + " asks for synchronization"
                             : "Partial resynchronization request from " + who + " accepted.");
  post([this] { start_full_sync(steady_ms()); });
  return Status::ok();
}

// A replica without its primary serves nobody but an heir that has a part of the same stream.
bool Replicator::may_sync_locked(const Replica& replica, const SyncRequest& request) const {
  const bool alone = following_ && (link_ == nullptr || !link_->is_up());
  if (takeover_.active_locked()) return !replica.facts().heir;
  if (!replica.facts().heir) return !alone;
  return alone && has_stream_ && !request.old_style && request.next >= 1 &&
         static_cast<uint64_t>(request.next) - 1 <= effects().end_offset() &&
         history_.continues(request.id, request.next);
}

// What the replica is told when it can go on where it was; empty when it can't.
std::string Replicator::sync_partially(Replica& replica, const SyncRequest& request) {
  if (!has_backlog_ || request.next < 1 || !history_.continues(request.id, request.next)) return "";
  auto reader = effects().open_reader(static_cast<uint64_t>(request.next) - 1, reader_options());
  if (reader == nullptr) return "";
  std::string answer = "+CONTINUE";
  if (replica.facts().continues) answer += " " + history_.id;
  answer += "\r\n";
  replica.resume(std::move(reader), answer);
  return answer;
}

EffectLog::ReaderOptions Replicator::reader_options() const {
  const int64_t hard = services_->settings.output_limit_replica.hard_bytes.load();
  if (hard == 0) return {};
  return {.lag_bytes_max = static_cast<uint64_t>(std::max(hard, settings_.backlog_bytes.load()))};
}

void Replicator::replica_closed(Replica& replica) {
  const PrimaryAddress address = address_of(replica);
  {
    std::lock_guard lock(mutex_);
    const size_t erased =
        std::erase_if(replicas_, [&](const auto& each) { return each.get() == &replica; });
    if (erased == 0) return;  // a stranger
    lonely_since_ms_ = steady_ms();
    if (replica.was_cut_off()) damper_.failed(text_of(address), steady_ms());
  }
  log(true, "Connection with replica " + text_of(address) + " lost.");
  update_gates();
}

// --- The end

// On the thread that ends the server, while the network still runs.
void Replicator::wait_for_replicas(const std::function<bool()>& goes_on) {
  if (all_replicas().empty()) return;
  const auto lags = [end = effects().end_offset()](const auto& replica) {
    return replica->acked() < end;
  };
  bool told = false;
  while (goes_on()) {
    const Replicas all = all_replicas();
    if (std::none_of(all.begin(), all.end(), lags)) break;
    if (!std::exchange(told, true)) log(false, "Waiting for replicas before shutting down.");
    std::this_thread::sleep_for(std::chrono::milliseconds(kWaitStepMs));
  }
  const Replicas all = all_replicas();
  for (const auto& replica : all) {
    if (!lags(replica)) continue;
    log(true, "Lagging replica " + text_of(address_of(*replica)) + " reported offset " +
                  std::to_string(effects().end_offset() - replica->acked()) +
                  " behind master, state=" + name_of(replica->state()) + ".");
  }
  const auto behind = std::count_if(all.begin(), all.end(), lags);
  log(false, std::to_string(static_cast<int64_t>(all.size()) - behind) + " of " +
                 std::to_string(all.size()) + " replicas are in sync when shutting down.");
}

// --- Full syncs, on the control thread

// Those that wait, once they have waited for others to come, too. One that wants another file than
// the first waits for its own.
Replicator::Replicas Replicator::replicas_due(int64_t now_ms) {
  std::lock_guard lock(mutex_);
  Replicas due;
  int64_t longest_ms = -1;
  bool heir = false;  // a whole group waits for it
  for (const auto& replica : replicas_) {
    if (replica->state() != Replica::State::waiting) continue;
    if (now_ms < damper_.not_before_ms(text_of(address_of(*replica)))) continue;
    if (!due.empty() && !replica->facts().share_file(due.front()->facts())) continue;
    longest_ms = std::max(longest_ms, waited_ms(*replica, now_ms));
    due.push_back(replica);
    heir |= replica->facts().heir;
  }
  const auto enough = static_cast<size_t>(settings_.sync_replicas_max.load());
  const bool full = (enough > 0 && due.size() >= enough) || heir;
  if (!full && longest_ms < settings_.sync_delay_seconds.load() * 1000) return {};
  return due;
}

void Replicator::start_full_sync(int64_t now_ms) {
  if (full_sync_ != nullptr) return full_sync_->end_if_unwanted();
  const Replicas due = replicas_due(now_ms);
  if (due.empty()) return;
  begin_full_sync(due);
}

void Replicator::begin_full_sync(const Replicas& replicas) {
  FullSyncPlan plan;
  {
    std::lock_guard lock(mutex_);
    plan.id = history_.id;
    plan.lag_bytes_max = reader_options().lag_bytes_max;
  }
  plan.parts = replicas.front()->facts().parts;
  plan.for_valkey = replicas.front()->facts().is_valkey_9();
  plan.folder = settings_.texts().folder;
  plan.patience_ms = settings_.timeout_seconds.load() * 1000;
  full_sync_ =
      FullSync::begin(*services_, plan, replicas, [this, replicas](const std::string& why) {
        post([this, replicas, why] { full_sync_done(why, replicas); });
      });
  if (full_sync_ == nullptr) return;  // another snapshot runs; cron tries again
  sending_file_.store(true);
  std::lock_guard lock(mutex_);
  has_backlog_ = true;
  sync_counts_.full += replicas.size();
  log(false, "Starting full sync with " + std::to_string(replicas.size()) + " replica(s)");
}

void Replicator::full_sync_done(const std::string& error, const Replicas& replicas) {
  full_sync_.reset();
  sending_file_.store(false);
  log(!error.empty(), error.empty() ? "Full sync sent" : "Full sync failed: " + error);
  std::lock_guard lock(mutex_);
  for (const auto& replica : replicas) {
    const std::string who = text_of(address_of(*replica));
    error.empty() ? damper_.succeeded(who) : damper_.failed(who, steady_ms());
  }
}

// --- Acknowledgements

void Replicator::acknowledge(Replica& replica, uint64_t offset, uint64_t on_disk) {
  if (offset > effects().end_offset()) return;  // of another stream, or nonsense
  const bool was_online = replica.is_online();
  replica.acknowledge(offset, on_disk, steady_ms());
  if (!was_online) update_gates();
  question_.answered(offset);
  update_acked();
  ack_watchers_.tell();
}

size_t Replicator::group_size_locked() const {
  const auto given = static_cast<size_t>(settings_.group_size.load());
  return given > 0 ? given : replicas_seen_ + 1;
}

// Of the replicas that take the stream and answer.
std::vector<uint64_t> Replicator::sent_offsets_locked() const {
  std::vector<uint64_t> offsets;
  const int64_t since_ms = steady_ms() - kSilentMs;
  for (const auto& replica : online_locked()) {
    if (replica->acked_ms() >= since_ms) offsets.push_back(replica->sent_offset());
  }
  return offsets;
}

// What enough replicas have, and the others have been sent. Sentinel may make any of them the
// primary, as the offsets by which it chooses are up to ten seconds old.
uint64_t Replicator::acked_offset_locked(ReplicationSettings::Acks acks) {
  std::vector<uint64_t> offsets;
  for (const auto& replica : online_locked()) offsets.push_back(replica->acked());
  replicas_seen_ = std::max(replicas_seen_, offsets.size());
  const size_t needed = acks_needed(acks, group_size_locked());
  const uint64_t reached = offset_reached_by(std::move(offsets), needed);
  unsent_.store(true);  // so that who sends now is noticed
  const uint64_t sent = offset_sent_to_all(sent_offsets_locked());
  unsent_.store(sent < reached);
  return std::min(reached, sent);
}

void Replicator::note_sent() {
  if (unsent_.load()) update_acked();
}

void Replicator::update_acked() {
  SafePoint& safe = services_->listeners.safe_point;
  const ReplicationSettings::Acks acks = settings_.acks.load();
  {
    std::lock_guard lock(mutex_);
    if (acks == ReplicationSettings::Acks::none) {
      safe.set(SafePoint::Keeper::replicas, SafePoint::kNothingAsked);
    } else {
      const uint64_t reached = acked_offset_locked(acks);
      if (!following_) acked_.store(std::max(acked_.load(), reached));
      safe.set(SafePoint::Keeper::replicas, acked_);
    }
  }
  services_->workers.release_replies();
  if (question_.is_wanted()) all_sent();
}

size_t Replicator::count_acked(uint64_t offset, bool on_disk) const {
  std::vector<uint64_t> offsets;
  for (const auto& replica : online()) {
    offsets.push_back(on_disk ? replica->acked_on_disk() : replica->acked());
  }
  return count_reached(offsets, offset);
}

std::shared_ptr<void> Replicator::watch_acks(std::function<void()> changed) {
  std::shared_ptr<void> watcher = ack_watchers_.add(std::move(changed));
  ask_acks();
  all_sent();
  effects().wake_readers();
  return watcher;
}

// The question itself goes out behind what is written now, see all_sent.
void Replicator::ask_acks() { question_.want(); }

void Replicator::all_sent() {
  if (!question_.is_wanted() || follows_.load() || held_.load()) return;
  if (!question_.put(effects().end_offset(), steady_ms())) return;
  const Bytes words[] = {"REPLCONF", "GETACK", "*"};
  effects().append(kNoDatabase, words, EffectFor::replicas);
}

std::string Replicator::ack_error(uint64_t offset) {
  size_t needed = 0;
  {
    std::lock_guard lock(mutex_);
    needed = acks_needed(settings_.acks.load(), group_size_locked());
  }
  return "NOTACKED The write was done here, but only " +
         std::to_string(count_acked(offset, false)) + " of " + std::to_string(needed) +
         " replicas said within " + std::to_string(ack_timeout_ms()) +
         " ms that they have it: it may be lost if this server is";
}

}  // namespace larder
