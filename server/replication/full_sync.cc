#include "server/replication/full_sync.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/thread_name.h"
#include "server/engine/listeners.h"
#include "server/engine/services.h"
#include "server/replication/stream_place.h"

namespace larder {

// Copies the file to every replica that is still there.
class FullSync::Fan : public Sink {
 public:
  Fan(Services& services, const FullSyncPlan& plan, Replicas replicas)
      : services_(services), plan_(plan), replicas_(std::move(replicas)) {}

  // Under every shard's lock: the moment whose data the file has.
  void begin(SnapshotOptions& options) {
    EffectLog& log = services_.listeners.effects;
    log.keep_backlog(true);
    log.select_again();
    options.facts = facts_of_stream(log, plan_.id);
    for (size_t i = 0; i < replicas_.size(); ++i) {
      readers_.push_back(log.open_reader(log.end_offset(), {.lag_bytes_max = plan_.lag_bytes_max}));
    }
  }

  // Then, without locks: the replicas hear of it.
  void start() {
    for (size_t i = 0; i < replicas_.size(); ++i) {
      const std::shared_ptr<Replica>& replica = replicas_[i];
      if (readers_[i] == nullptr) {
        replica->cut();
        continue;
      }
      std::shared_ptr<BytePipe> pipe;
      if (replica->facts().by_mark) {
        pipe = std::make_shared<BytePipe>([weak = std::weak_ptr<Replica>(replica)] {
          if (const auto there = weak.lock()) there->wake();
        });
        pipes_.push_back(pipe);
      } else {
        spooled_.push_back(replica);
      }
      replica->begin_file(std::move(readers_[i]), plan_.id, pipe);
    }
    readers_.clear();
    if (spooled_.empty()) return;
    spool_ = std::make_shared<Spool>();
    if (!spool_->open(plan_.folder)) give_spool_up();
  }

  bool write(Bytes bytes) override {
    bytes_ += bytes.size();
    if (!pipes_.empty()) {
      const auto chunk = std::make_shared<const std::string>(bytes);
      for (const auto& pipe : pipes()) {
        if (!pipe->put(chunk, plan_.patience_ms)) give_up(pipe);
      }
    }
    if (spool_ != nullptr && !spool_->write(bytes)) give_spool_up();
    return !pipes_.empty() || spool_ != nullptr;
  }

  void finish(bool whole) {
    for (const auto& pipe : pipes()) pipe->finish(whole);
    if (spool_ == nullptr) return;
    if (!whole) return give_spool_up();
    for (const auto& replica : spooled_) replica->begin_spool(spool_, bytes_);
  }
  // From another thread.
  void cancel() {
    for (const auto& pipe : pipes()) pipe->close();
  }
  const std::string& error() const { return error_; }
  bool is_wanted() const {
    return std::any_of(replicas_.begin(), replicas_.end(), [](const auto& replica) {
      return replica->state() != Replica::State::closed;
    });
  }

 private:
  using Pipes = std::vector<std::shared_ptr<BytePipe>>;

  Pipes pipes() const {
    std::lock_guard lock(mutex_);
    return pipes_;
  }
  void give_up(const std::shared_ptr<BytePipe>& pipe) {
    pipe->finish(false);
    std::lock_guard lock(mutex_);
    std::erase(pipes_, pipe);
  }
  void give_spool_up() {
    error_ = std::string("no file for a replica without capability eof: ") + std::strerror(errno);
    spool_.reset();
    for (const auto& replica : spooled_) replica->cut();
  }

  Services& services_;
  const FullSyncPlan plan_;
  const Replicas replicas_;
  std::vector<std::unique_ptr<EffectLog::Reader>> readers_;
  mutable std::mutex mutex_;
  Pipes pipes_;  // changed by the sending thread only, under the lock
  Replicas spooled_;
  std::shared_ptr<Spool> spool_;
  uint64_t bytes_ = 0;
  std::string error_;
};

std::unique_ptr<FullSync> FullSync::begin(Services& services, const FullSyncPlan& plan,
                                          Replicas replicas,
                                          std::function<void(const std::string&)> done) {
  std::unique_ptr<FullSync> sync(new FullSync());
  sync->fan_ = std::make_unique<Fan>(services, plan, std::move(replicas));
  SnapshotOptions options;
  options.parts = plan.parts;
  if (plan.for_valkey) options.version_with_times = kRdbVersionValkey;
  options.compress = services.settings.rdb_compression.load();
  options.key_delay_us = wanted_key_delay(services);
  options.on_full = StoreSnapshotOptions::OnFull::give_up;
  sync->snapshot_ =
      Snapshot::begin(services, options, [&](SnapshotOptions& now) { sync->fan_->begin(now); });
  if (sync->snapshot_ == nullptr) return nullptr;
  sync->done_ = std::move(done);
  sync->fan_->start();
  sync->thread_ = std::thread([self = sync.get()] { self->run(); });
  return sync;
}

void FullSync::run() {
  name_this_thread("full-sync");
  const bool whole = snapshot_->run(*fan_);
  {
    std::lock_guard lock(snapshot_mutex_);
    snapshot_.reset();
  }
  fan_->finish(whole);
  std::string error = fan_->error();
  if (!whole && error.empty()) error = "no replica takes it, or changes came faster than it does";
  done_(error);
}

void FullSync::end_if_unwanted() {
  if (fan_->is_wanted()) return;
  std::lock_guard lock(snapshot_mutex_);
  if (snapshot_ != nullptr) snapshot_->cancel();
}

FullSync::~FullSync() {
  if (!thread_.joinable()) return;
  fan_->cancel();
  {
    std::lock_guard lock(snapshot_mutex_);
    if (snapshot_ != nullptr) snapshot_->cancel();
  }
  thread_.join();
}

}  // namespace larder
