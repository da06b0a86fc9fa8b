// TTL rules put to work: the life that a write gave a key, or did not, is made to fit the rules;
// a read renews it where the rules say so. Both happen under the lock of the key's shard: a write's
// behind the command's own change and event, a read's before them, and so they are told and
// replicated.
//
// Which writes give a life is told by their event: SET and the *STORE commands make a value anew,
// EXPIRE and its kin say how long it lives, any other write only where it makes the key.
#include <algorithm>

#include "server/engine/call.h"
#include "server/engine/dispatcher.h"
#include "server/engine/listeners.h"
#include "storage/ttl_rules.h"

namespace larder {
namespace {

using How = LifeGiven::How;

// A life is renewed when that gains so much: not for each of a thousand reads a second.
constexpr int64_t kRenewalStepMs = 100;
constexpr int64_t kRenewalsPerLife = 128;

std::optional<How> life_given(Bytes event, bool added) {
  constexpr Bytes kCarrying[] = {"rename_to", "copy_to", "move_to", "restore"};
  const bool carried =
      std::find(std::begin(kCarrying), std::end(kCarrying), event) != std::end(kCarrying);
  if (carried) return How::carried;
  if (event == "persist") return How::for_good;
  if (added || event == "set" || event == "expire" || event.ends_with("store")) return How::asked;
  return {};
}

}  // namespace

void Call::govern_life(Bytes event, const Key& key, unsigned db) NO_THREAD_SAFETY_ANALYSIS {
  ShardServices& shard = services_.store.shard_of(key.hash).services;
  const bool added = shard.added_hash == key.hash;
  if (added) shard.added_hash = 0;
  // What a primary or a log says was decided there.
  if (now_ms_ == kNoClock || session_.stream != nullptr) return;
  const auto how = life_given(event, added);
  if (std::exchange(life_kept_, false) || !how || shard.ttl_rules == nullptr) return;
  const Item item = keyspace(key, db).find(key);
  if (!item) return;
  const TtlRule& rule = shard.ttl_rules->of(key.name);
  if (rule.idle()) return;
  const int64_t before_ms = item->expiry_ms();
  const int64_t expiry_ms = governed_expiry(rule, {*how, before_ms, now_ms_, random().next()});
  if (expiry_ms == before_ms) return;
  keyspace(key, db).set_expiry(item, expiry_ms);
  if (wants_effect()) dispatcher_.effects().note_life(key, db, expiry_ms);
  if (before_ms == kNoExpiry) services_.listeners.also("expire", db, key.name);
}

void Call::renew_life(Item item, const Key& key) NO_THREAD_SAFETY_ANALYSIS {
  const ShardServices& shard = services_.store.shard_of(key.hash).services;
  if (!item->is(Entry::kHasExpiry) || shard.ttl_rules == nullptr) return;
  // A replica's keys live as long as its primary says.
  if ((services_.settings.trouble.load(std::memory_order_relaxed) & kReadOnlyReplica) != 0) return;
  const int64_t renewal_ms = shard.ttl_rules->of(key.name).renewal_ms();
  const int64_t gained_ms = now_ms_ + renewal_ms - item->expiry_ms();
  const int64_t step_ms = std::clamp<int64_t>(renewal_ms / kRenewalsPerLife, 1, kRenewalStepMs);
  if (renewal_ms == 0 || gained_ms < step_ms) return;
  const int64_t expiry_ms = now_ms_ + renewal_ms;
  keyspace(key).set_expiry(item, expiry_ms);
  if (wants_effect()) dispatcher_.effects().note_renewal(*this, key, session_.db, expiry_ms);
  services_.listeners.also("expire", session_.db, key.name);
}

}  // namespace larder
