#include "server/replication/takeover.h"

#include <algorithm>
#include <string>

#include "server/engine/effects.h"
#include "server/replication/acks.h"
#include "server/replication/failover.h"
#include "server/replication/replicator.h"

namespace larder {
namespace {

// A sibling that gives nothing for so long is left for another; it comes again when it lives.
constexpr int64_t kPatienceMs = 3000;
// Of a group whose size nobody says: the smallest in which an heir is chosen.
constexpr size_t kGroupMin = 3;

bool has(const std::vector<PrimaryAddress>& list, const PrimaryAddress& who) {
  return std::find(list.begin(), list.end(), who) != list.end();
}

}  // namespace

void Siblings::came(const PrimaryAddress& who) {
  drop(who);
  if (!has(others_, who) && !has(came_, who)) came_.push_back(who);
}

void Siblings::offers(const Offer& offer) {
  drop(offer.from);
  offers_.push_back(offer);
}

void Siblings::drop(const PrimaryAddress& who) {
  std::erase_if(offers_, [&](const Offer& each) { return each.from == who; });
}

std::optional<Siblings::Offer> Siblings::best(uint64_t here) const {
  const auto shorter = [](const Offer& a, const Offer& b) { return a.end < b.end; };
  const auto longest = std::max_element(offers_.begin(), offers_.end(), shorter);
  if (longest == offers_.end() || longest->end <= here) return {};
  return *longest;
}

bool Siblings::others_offer(const PrimaryAddress& who, uint64_t here) const {
  return std::any_of(offers_.begin(), offers_.end(), [&](const Offer& each) {
    return each.from != who && each.end > here;
  });
}

bool Takeover::begin(const std::optional<PrimaryAddress>& old_primary, int64_t now_ms) {
  const ReplicationSettings& settings = owner_.settings_;
  const int64_t patience_ms = settings.takeover_ms.load();
  const auto given = static_cast<size_t>(settings.group_size.load());
  const size_t needed = siblings_needed(settings.acks.load(), given > 0 ? given : kGroupMin);
  {
    std::lock_guard lock(owner_.mutex_);
    if (!owner_.following_ || !owner_.has_stream_ || needed == 0 || patience_ms == 0) return false;
    std::vector<PrimaryAddress> others;
    if (old_primary) others.push_back(*old_primary);
    for (const auto& replica : owner_.replicas_) others.push_back(address_of(*replica));
    siblings_.emplace(needed, std::move(others));
  }
  until_ms_ = now_ms + patience_ms;
  begin_offset_ = owner_.effects().end_offset();
  taken_.reset();
  owner_.log(false, "Taking over: waits for " + std::to_string(needed) +
                        " more of the group, which may have acknowledged writes that are not here");
  owner_.update_gates();
  return true;
}

// Who came with the second id beyond its end went another way then: nobody else goes on from there.
void Takeover::came_locked(const Replica& replica, Bytes id, int64_t next) {
  const History& history = owner_.history_;
  const bool ahead = next > 0 && static_cast<uint64_t>(next) - 1 > owner_.effects().end_offset();
  const bool related = id == history.id || (history.second_offset >= 0 && id == history.second_id);
  const PrimaryAddress who = address_of(replica);
  if (ahead && id != history.second_id && replica.facts().gives_tail) {
    siblings_->offers({who, static_cast<uint64_t>(next) - 1});
  } else if (related) {
    siblings_->came(who);
  }
}

void Takeover::cron(int64_t now_ms) {
  {
    std::lock_guard lock(owner_.mutex_);
    if (!active_locked()) return;
  }
  if (taken_ && takes(now_ms)) return;
  if (const auto offer = next_offer()) {
    taken_ = offer;
    seen_ms_ = now_ms;
    seen_offset_ = owner_.effects().end_offset();
    owner_.log(false, "Taking over: " + offer->from.host + ":" + std::to_string(offer->from.port) +
                          " has " + std::to_string(offer->end - seen_offset_) + " bytes more");
    owner_.make_link(offer->from, Link::Purpose::catch_up);
    return;
  }
  size_t missing = 0;
  {
    std::lock_guard lock(owner_.mutex_);
    missing = siblings_->missing();
  }
  if (missing > 0 && now_ms < until_ms_) return;
  const uint64_t took = owner_.effects().end_offset() - begin_offset_;
  owner_.log(missing > 0, "Taking over: took " + std::to_string(took) + " bytes, " +
                              std::to_string(missing) + " of the group did not come");
  owner_.lead();
}

std::optional<Siblings::Offer> Takeover::next_offer() {
  std::lock_guard lock(owner_.mutex_);
  return siblings_->best(owner_.effects().end_offset());
}

// Whether more is to come of what is being taken.
bool Takeover::takes(int64_t now_ms) {
  const uint64_t here = owner_.effects().end_offset();
  bool transfers = false;
  bool refused = false;
  bool others = false;
  {
    std::lock_guard lock(owner_.mutex_);
    transfers = owner_.link_->transfers();
    refused = owner_.link_->refused();
    others = siblings_->others_offer(taken_->from, here);
  }
  if (here != seen_offset_ || transfers) {
    seen_offset_ = here;
    seen_ms_ = now_ms;
  }
  const bool all = here >= taken_->end && !transfers;
  const bool hopes = now_ms - seen_ms_ < kPatienceMs || (!others && now_ms < until_ms_);
  if (!all && !refused && hopes) return true;
  stop_taking(all);
  return false;
}

void Takeover::stop_taking(bool all) {
  owner_.end_link();
  const PrimaryAddress from = std::exchange(taken_, {})->from;
  std::lock_guard lock(owner_.mutex_);
  all ? siblings_->came(from) : siblings_->drop(from);
}

}  // namespace larder
