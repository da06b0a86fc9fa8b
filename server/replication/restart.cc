// The replicator at both ends of the server's life: what the last file says of the stream, and how
// a server that loads it goes on there. As in Redis, a replica goes on where its file is; a primary
// begins a stream of its own there, and has the old one's id as its second.
#include <algorithm>

#include "base/clock.h"
#include "base/random.h"
#include "server/engine/listeners.h"
#include "server/engine/services.h"
#include "server/replication/replicator.h"
#include "storage/all_shards.h"

namespace larder {

std::optional<unsigned> Replicator::stream_db() {
  std::lock_guard lock(mutex_);
  if (!following_) return {};
  return known_db(effects());
}

RdbFacts Replicator::stream_facts() {
  std::lock_guard lock(mutex_);
  if (following_ ? !has_stream_ : !has_backlog_) return {};
  return facts_of_stream(effects(), history_.id);
}

void Replicator::hold(bool on) {
  const AllShards shards(services_->store);
  std::lock_guard lock(mutex_);
  held_.store(on);
  if (following_) return;
  services_->store.set_follows_locked(on, on);
}

void Replicator::begin_as(Primary primary) {
  if (!primary) return;
  {
    const AllShards shards(services_->store);
    std::lock_guard lock(mutex_);
    wanted_ = std::move(primary);
    effects().set_follows(true);
    services_->store.set_follows_locked(true, settings_.read_only.load());
  }
  update_gates();
}

void Replicator::restore(const StreamPlace& place) {
  if (place.db >= services_->store.databases()) return;  // not a stream that could go on here
  const AllShards shards(services_->store);
  std::lock_guard lock(mutex_);
  effects().keep_backlog(true);  // forgets the database, so before
  if (wanted_) {
    history_.replace(place.id);
    effects().restart_at(place.offset, place.db);
  } else {
    history_.continue_from(place.id, place.offset);
    effects().restart_at(place.offset);
  }
  lonely_since_ms_ = steady_ms();
  has_backlog_ = true;
}

}  // namespace larder
