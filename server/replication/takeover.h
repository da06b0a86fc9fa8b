// A replica that is told to lead, where an acknowledged write is one that some replicas have
// (replication-ack): it first takes from the others what they have more.
//
//   old primary  ===W        W was acknowledged, as a sibling has it
//   this server  ===         told to lead: REPLICAOF NO ONE
//   a sibling    ===W        comes by PSYNC, as Sentinel tells it to: it is ahead
//
//   1. This server says that it leads, and stays as it was: its log goes on being the old stream,
//      clients' writes are refused.
//   2. Siblings come. Who has no more than this server goes on from here, in the old stream. Who
//      has more is told to come again later (NOMASTERLINK), and asked: this server follows it as an
//      heir, up to the offset with which it came. Only a Larder answers then.
//   3. Enough siblings have come (siblings_needed): this server leads, under a new id.
//
// Why nothing is lost: a sibling that has come has left the old primary and acknowledges nothing to
// it any more. What was acknowledged before is with so many replicas that one of those who came, or
// this server, is among them; and all of them have parts of one stream, so the longest has it all.
//
// What it can't do: wait for siblings that do not come within replication-takeover-timeout, take
// anything from a redis-server, or bring back what a server lost that was restarted.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "server/replication/link.h"

namespace larder {

class Replica;
class Replicator;

// Who has come, and who has more than is here.
class Siblings {
 public:
  // `needed` must come; `others`, who are none of the old primary's replicas, do not count.
  Siblings(size_t needed, std::vector<PrimaryAddress> others)
      : needed_(needed), others_(std::move(others)) {}

  struct Offer {
    PrimaryAddress from;
    uint64_t end = 0;  // it has the stream up to there
  };
  // It has nothing that is missing here.
  void came(const PrimaryAddress& who);
  void offers(const Offer& offer);
  // It does not give it. It may come again.
  void drop(const PrimaryAddress& who);
  // The longest, if it is longer than what is here.
  std::optional<Offer> best(uint64_t here) const;
  // Somebody else than `who` has more than is here.
  bool others_offer(const PrimaryAddress& who, uint64_t here) const;
  bool enough() const { return came_.size() >= needed_; }
  size_t missing() const { return enough() ? 0 : needed_ - came_.size(); }

 private:
  size_t needed_;
  std::vector<PrimaryAddress> others_;
  std::vector<PrimaryAddress> came_;
  std::vector<Offer> offers_;
};

class Takeover {
 public:
  explicit Takeover(Replicator& owner) : owner_(owner) {}

  // With the owner's mutex held.
  bool active_locked() const { return siblings_.has_value(); }
  // Somebody asks for stream `id` from byte `next` on.
  void came_locked(const Replica& replica, Bytes id, int64_t next);
  void end_locked() { siblings_.reset(); }

  // On the control thread, without the mutex.
  // False when there is nobody to wait for.
  bool begin(const std::optional<PrimaryAddress>& old_primary, int64_t now_ms);
  void cron(int64_t now_ms);

 private:
  std::optional<Siblings::Offer> next_offer();
  bool takes(int64_t now_ms);
  void stop_taking(bool all);

  Replicator& owner_;
  std::optional<Siblings> siblings_;  // guarded by the owner's mutex; nothing: no takeover

  // Control thread's.
  int64_t until_ms_ = 0;
  uint64_t begin_offset_ = 0;
  std::optional<Siblings::Offer> taken_;  // what is being taken
  uint64_t seen_offset_ = 0;
  int64_t seen_ms_ = 0;                   // when something came last
};

}  // namespace larder
