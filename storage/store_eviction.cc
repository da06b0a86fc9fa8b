// How the store evicts: whose turn it is, and the work of eviction that can wait.
#include <algorithm>
#include <span>

#include "base/check.h"
#include "storage/eviction/adaptive.h"
#include "storage/eviction/adviser.h"
#include "storage/shard_lock.h"
#include "storage/store.h"

namespace larder {
namespace {

// Candidates of a group judged before another group gets its turn.
constexpr unsigned kCandidatesPerTurn = 32;
// Turns of one step towards a limit that was lowered: some 0.1 ms, or 0.6 when memory is slow and
// every entry far away. Who asks meanwhile waits for a step or two.
constexpr unsigned kTurnsPerStep = 64;
// Segments walked per turn when entries are queued anew: some hundred entries each.
constexpr unsigned kSegmentsPerTurn = 8;
// The same when the next policy waits for it: up to some ten milliseconds.
constexpr unsigned kSegmentsPerChange = 512;

}  // namespace

ShardSet Store::shards_of_group(unsigned group) const {
  ShardSet set;
  for (unsigned i = 0; i < shards_per_group(); ++i) set.add(group * shards_per_group() + i);
  return set;
}

void Store::set_eviction_policy(const EvictionPolicyInfo& policy, const EvictionOptions& options) {
  {
    MutexLock asking(wanted_mutex_);
    wanted_policy_ = &policy;
    wanted_options_ = options;
  }
  // A transaction that holds shards must not wait for others: tend_eviction does it soon.
  if (held_shards == nullptr) put_policy_into_force();
}

void Store::put_policy_into_force() {
  MutexLock changing(policy_mutex_);
  const EvictionPolicyInfo* wanted = nullptr;
  EvictionOptions options;
  {
    MutexLock asking(wanted_mutex_);
    wanted = wanted_policy_;
    options = wanted_options_;
  }
  if (policy_ == wanted && policy_options_ == options) return;
  policy_ = wanted;
  policy_options_ = options;
  const EvictionPolicyInfo& policy = *wanted;
  evicts_.store(policy.victims != Victims::none, std::memory_order_relaxed);
  samples_.store(std::max(options.samples, 1U), std::memory_order_relaxed);
  options.tally = Adaptive::make_tally(group_count_);
  for (unsigned i = 0; i < group_count_; ++i) {
    // A stamp tells three policies apart, so entries must not stay queued by older ones.
    for (unsigned step = 0; step < kSegmentsPerChange && readmit_step(i, 0); ++step) {
    }
    auto fresh = policy.make(options);
    // The keys of one group are a fair sample of all.
    auto adviser = policy.victims == Victims::none || i != 0
                       ? nullptr
                       : std::make_unique<Adviser>(options, policy.name);
    {
      MutexLock walk(groups_[i].walk_mutex);
      const bool walked = groups_[i].walk.done && !groups_[i].walk_again.load();
      const ShardSet shards = shards_of_group(i);
      if (!walked || !lock_shards(*this, shards)) {
        policy_ = nullptr;  // tend_eviction tries again, also when a script holds some
        return;
      }
      fresh = groups_[i].set_policy(std::move(fresh), policy.victims);
      groups_[i].set_adviser(std::move(adviser));
      unlock_shards(*this, shards);
    }
    // The old policy's queues are freed here, without locks.
  }
}

EvictionAdvice Store::advice() {
  EvictionAdvice advice;
  advice.limit_bytes = memory_.limit();
  tell_adviser();
  if (advice.limit_bytes != 0) advice.sampled_reads = groups_[0].advice(advice.estimates);
  for (unsigned i = 0; i < group_count_; ++i) {
    groups_[i].visit([&](const EvictionPolicy& policy) {
      advice.changes += policy.changes();
      if (i == 0) advice.setting = policy.setting();
    });
  }
  return advice;
}

std::vector<PolicyChange> Store::eviction_history() {
  std::vector<PolicyChange> all;
  for (unsigned i = 0; i < group_count_; ++i) {
    groups_[i].visit([&](const EvictionPolicy& policy) {
      for (PolicyChange& change : policy.history()) all.push_back(std::move(change));
    });
  }
  std::stable_sort(all.begin(), all.end(), [](const PolicyChange& a, const PolicyChange& b) {
    return a.time_ms < b.time_ms;
  });
  return all;
}

void Store::set_memory_limit(int64_t bytes) {
  memory_.set_limit(bytes, shard_count());
  lowering_.store(memory_.over_limit(), std::memory_order_relaxed);
}

bool Store::evict_in_background(int64_t now_ms, uint64_t random) {
  if (!lowering_.load(std::memory_order_relaxed)) return false;
  return make_room(now_ms, random) && memory_.over_limit();
}

bool Store::make_room(int64_t now_ms, uint64_t random) {
  unsigned fruitless = 0;  // turns in a row that found nothing to give
  const bool lowering = lowering_.load(std::memory_order_relaxed);
  const int64_t before = memory_.used();
  // A new policy meets every shard before it knows that none has a victim.
  const unsigned turns_to_know = kTurnsPerStep + 4 * shard_count();
  for (unsigned turn = 1; memory_.over_limit(); ++turn) {
    if (lowering && fruitless == 0 && turn >= kTurnsPerStep) {
      if (memory_.used() < before || turn >= turns_to_know) return true;
    }
    if (!evicts_.load(std::memory_order_relaxed) || fruitless > 2 * shard_count()) return false;
    random = random * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
    // Turns that find nothing go over all shards of all groups.
    const unsigned group = fruitless == 0 ? fullest_group(random) : fruitless % group_count_;
    const auto home =
        fruitless == 0 ? static_cast<unsigned>(random >> 52) : fruitless / group_count_;
    fruitless =
        evict_from({group, home % shards_per_group()}, now_ms, random >> 16) ? 0 : fruitless + 1;
  }
  if (lowering) lowering_.store(false, std::memory_order_relaxed);
  return true;
}

// The fuller of two: keys are spread evenly by their hash, and so should be those that stay.
unsigned Store::fullest_group(uint64_t random) const {
  if (group_count_ == 1) return 0;
  const auto a = static_cast<unsigned>(random >> 20) % group_count_;
  const auto b = static_cast<unsigned>(random >> 40) % group_count_;
  return groups_[a].live() >= groups_[b].live() ? a : b;
}

// True when an entry went or more may be found.
bool Store::evict_from(const Turn& turn, int64_t now_ms, uint64_t random) {
  const unsigned group = turn.group;
  Candidate candidate;
  for (unsigned i = 0; i < kCandidatesPerTurn; ++i) {
    Upcoming upcoming;
    if (!groups_[group].next(candidate, upcoming)) {
      bool samples = false;
      groups_[group].visit([&](const EvictionPolicy& policy) { samples = policy.samples(); });
      return samples ? evict_sampled(turn, now_ms, random) : readmit_step(group, now_ms);
    }
    if (upcoming.count > 0) fetch(group, upcoming);
    if (try_evict(group, candidate, now_ms)) return true;
  }
  return true;
}

// Their entries, as far as their buckets were fetched the last time, and the others' buckets.
void Store::fetch(unsigned group, const Upcoming& upcoming) {
  const std::span<const EntryRef> refs(upcoming.refs.data(), upcoming.count);
  EntryList entries;
  for (const EntryRef& ref : refs.first(upcoming.known)) look_ahead(group, ref, entries);
  entries.fetch();
  BucketList buckets;
  for (const EntryRef& ref : refs.subspan(upcoming.known)) look_ahead(group, ref, buckets);
  buckets.fetch();
}

template <typename List>
void Store::look_ahead(unsigned group, const EntryRef& ref, List& list) {
  Shard& shard = shards_[group * shards_per_group() + ref.home];
  if (!shard.mutex.try_lock()) return;
  // Nearly all entries are in the first database.
  if (!shard.used_.empty()) {
    shard.keyspaces_[shard.used_.front()]->table().look_ahead(ref.place, list);
  }
  shard.mutex.unlock();
}

bool Store::try_evict(unsigned group, const Candidate& candidate, int64_t now_ms) {
  const unsigned index = group * shards_per_group() + candidate.ref.home;
  Shard& shard = shards_[index];
  const ShardChange change(*this, shard, index, now_ms);
  if (!change) {
    groups_[group].lost_some.store(true, std::memory_order_relaxed);
    return false;
  }
  for (const unsigned db : shard.used_) {
    Keyspace& keyspace = *shard.keyspaces_[db];
    const Item item = keyspace.find_candidate(candidate);
    if (!item) continue;
    const size_t bytes = keyspace.memory_of(item);
    if (!groups_[group].judge(*item.entry(), candidate, bytes, now_ms)) return false;
    keyspace.evict(item);
    shard.settle_memory_exactly(memory_);
    return true;
  }
  return false;
}

bool Store::evict_sampled(const Turn& turn, int64_t now_ms, uint64_t random) {
  const unsigned index = turn.group * shards_per_group() + turn.home;
  Shard& shard = shards_[index];
  const ShardChange change(*this, shard, index, now_ms);
  if (!change) return false;
  // A random database, weighted by nothing: those that have no victim pass the turn on.
  const std::vector<unsigned>& used = shard.used_;
  for (size_t i = 0; i < used.size(); ++i) {
    Keyspace& keyspace = *shard.keyspaces_[used[(random + i) % used.size()]];
    const Item worst = sample_worst(keyspace, groups_[turn.group], random);
    if (!worst) continue;
    keyspace.evict(worst);
    shard.settle_memory_exactly(memory_);
    return true;
  }
  return false;
}

Item Store::sample_worst(Keyspace& keyspace, EvictionGroup& group, uint64_t random) {
  const bool by_expiry = group.victims() == Victims::with_expiry;
  if (keyspace.size() == 0 || (by_expiry && keyspace.volatile_count() == 0)) return {};
  // Excepted entries are passed over, so some more are looked at when there are.
  const unsigned samples = samples_.load(std::memory_order_relaxed);
  Item worst;
  int64_t worst_rank = 0;
  unsigned seen = 0;
  for (unsigned i = 0; i < 16 * samples && seen < samples; ++i) {
    random = random * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
    Item item = by_expiry ? keyspace.volatile_candidate(random)
                          : keyspace.item_of(keyspace.table().sample(random));
    if (!item && by_expiry && !worst) item = keyspace.seek_volatile(random);
    if (!item) break;
    if (!group.may_evict(*item.entry())) continue;
    ++seen;
    const int64_t rank =
        group.rank(*item.entry(), keyspace.memory_of(item), keyspace.services().now_ms);
    if (worst && rank <= worst_rank) continue;
    worst = item;
    worst_rank = rank;
  }
  return worst;
}

// Goes on with the walk that queues entries anew. `now_ms` 0: it is as late as it was. False when
// there is none.
bool Store::readmit_step(unsigned index, int64_t now_ms) {
  EvictionGroup& group = groups_[index];
  MutexLock walking(group.walk_mutex);
  EvictionGroup::Walk& walk = group.walk;
  if (group.walk_again.exchange(false, std::memory_order_relaxed)) walk = {.done = false};
  if (walk.done) return false;
  if (walk.shard == shards_per_group()) {
    walk.done = true;
    return true;
  }
  const unsigned place = index * shards_per_group() + walk.shard;
  Shard& shard = shards_[place];
  const ShardLock lock(shard, place);
  if (!lock) return false;
  shard.services.now_ms = std::max(shard.services.now_ms, now_ms);
  while (walk.db < options_.databases && shard.find_keyspace(walk.db) == nullptr) ++walk.db;
  if (walk.db == options_.databases) {
    ++walk.shard;
    walk.db = 0;
    return true;
  }
  walk.cursor = shard.find_keyspace(walk.db)->readmit_step(walk.cursor);
  if (walk.cursor == 0) ++walk.db;
  return true;
}

void Store::rebuild_group(unsigned group) {
  MutexLock walk(groups_[group].walk_mutex);
  if (!groups_[group].walk.done || groups_[group].walk_again.load()) return;
  const ShardSet shards = shards_of_group(group);
  if (!lock_shards(*this, shards)) return;
  groups_[group].forget();
  groups_[group].lost_some.store(false, std::memory_order_relaxed);
  unlock_shards(*this, shards);
}

// Of the whole limit, for a group's entries.
Capacity Store::capacity_of_group(unsigned group) {
  const int64_t limit = memory_.limit() - floor_bytes_;
  const int64_t used = memory_.used() - floor_bytes_;
  // Before, tables and buffers outweigh the entries.
  constexpr int64_t kPartMin = 8;
  if (limit <= 0 || used <= 0 || used < limit / kPartMin) return {};
  size_t entries = 0;
  size_t bytes = 0;
  for (unsigned i = 0; i < shards_per_group(); ++i) {
    Shard& shard = shards_[group * shards_per_group() + i];
    const ShardLock lock(shard, group * shards_per_group() + i);
    if (!lock) continue;
    for (const unsigned db : shard.used_) {
      const Keyspace& keyspace = *shard.keyspaces_[db];
      entries += keyspace.size();
      bytes += keyspace.memory_bytes() - keyspace.table().memory_bytes();
    }
  }
  bytes += entries * sizeof(Table::Slot);
  const double times = static_cast<double>(limit) / static_cast<double>(used);
  return {static_cast<int64_t>(static_cast<double>(entries) * times),
          static_cast<int64_t>(static_cast<double>(bytes) * times)};
}

// A step for each shard, half of them at a time: about a millisecond when all entries move.
void Store::compact_group(unsigned group, int64_t now_ms) {
  if (held_shards != nullptr) return;
  const unsigned half = static_cast<unsigned>(now_ms >> 7) & 1;
  for (unsigned i = half; i < shards_per_group(); i += 2) {
    const unsigned index = group * shards_per_group() + i;
    Shard& shard = shards_[index];
    const ShardChange change(*this, shard, index, now_ms);
    if (!change) continue;
    for (const unsigned db : shard.used_) (void)shard.keyspaces_[db]->compact_step();
  }
}

// Where there is one; not while a script holds a shard whose counts are wanted.
void Store::tell_adviser() {
  if (memory_.limit() == 0 || !evicts_.load(std::memory_order_relaxed)) return;
  StoreFacts facts{.limit_bytes = memory_.limit(), .fixed_bytes = memory_.used()};
  for (unsigned i = 0; i < shard_count(); ++i) {
    Shard& shard = shards_[i];
    const ShardLock lock(shard, i);
    if (!lock) return;
    facts.reads.hits += shard.services.reads.hits;
    facts.reads.misses += shard.services.reads.misses;
    facts.fixed_bytes -= shard.memory_bytes() - shard.floor_bytes();
  }
  for (unsigned i = 0; i < group_count_; ++i) facts.fixed_bytes -= group_bytes_[i].load();
  groups_[0].tell_adviser(facts);
}

void Store::tend_eviction(unsigned first, unsigned stride, int64_t now_ms) {
  if (first == 0) put_policy_into_force();
  for (unsigned i = first; i < group_count_; i += stride) {
    for (unsigned step = 0; step < kSegmentsPerTurn; ++step) {
      if (!readmit_step(i, now_ms)) break;
    }
    if (i == 0) tell_adviser();
    groups_[i].tick(now_ms, capacity_of_group(i));
    compact_group(i, now_ms);
    const bool lost_some = groups_[i].lost_some.load(std::memory_order_relaxed);
    if (lost_some || groups_[i].wants_rebuild()) rebuild_group(i);
    const auto bytes = static_cast<int64_t>(groups_[i].memory_bytes());
    memory_.add(bytes - group_bytes_[i].exchange(bytes, std::memory_order_relaxed));
  }
}

}  // namespace larder
