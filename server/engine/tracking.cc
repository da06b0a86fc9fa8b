#include "server/engine/tracking.h"

#include <algorithm>
#include <unordered_set>

#include "base/check.h"
#include "server/engine/pubsub.h"
#include "server/engine/services.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

// The table's memory is added to the account in steps, so that reads do not meet at one counter.
constexpr int64_t kReportBytes = 64 * 1024;
// Keys forgotten by one call of evict(), and once more for each call before that was not enough.
constexpr unsigned kEvictionsPerCall = 100;

// A list of so many readers is rid of those who went, by chance: on average each new reader costs
// looking at so many.
constexpr size_t kManyReaders = 64;
constexpr size_t kLooksPerReader = 4;

constexpr Bytes kChannel = "__redis__:invalidate";

std::string keys_tail(std::span<const Bytes> keys) {
  std::string tail = "*" + std::to_string(keys.size()) + "\r\n";
  for (const Bytes key : keys) append_bulk(tail, key);
  return tail;
}

// What a client is told: the keys as an array, or without any: all of them.
using Told = std::shared_ptr<const std::string>;

void push_invalidation(ClientView& client, const Told& told, bool redirected) {
  const bool resp3 = client.session().protocol >= 3;
  if (!resp3 && !(redirected && client.session().subscriptions != nullptr)) return;
  std::string head = push_head(resp3 ? 2 : 3, resp3 ? "invalidate" : "message");
  if (!resp3) append_bulk(head, kChannel);
  if (told == nullptr) return client.push(head, resp3 ? "_\r\n" : "$-1\r\n", nullptr);
  client.push(head, *told, told);
}

// The client that was to be told instead is gone.
class BrokenRedirectPush : public Push {
 public:
  explicit BrokenRedirectPush(uint64_t client) : client_(client) {}

  void deliver(ClientsOfWorker& clients) override {
    ClientView* client = clients.find(client_);
    if (client == nullptr || client->session().tracking == nullptr) return;
    TrackingState& state = *client->session().tracking;
    state.broken_redirect = true;
    if (client->session().protocol < 3) return;
    const std::string id = ":" + std::to_string(state.redirect) + "\r\n";
    client->push(push_head(2, "tracking-redir-broken"), id, nullptr);
  }
  size_t bytes() const override { return sizeof *this; }

 private:
  uint64_t client_;
};

// On its way to another client than the one that reads the keys.
class RedirectedPush : public Push {
 public:
  RedirectedPush(PushQueues& pushes, uint64_t target, ClientRef reader, Told told)
      : pushes_(pushes), target_(target), reader_(reader), told_(std::move(told)) {}

  void deliver(ClientsOfWorker& clients) override {
    ClientView* target = clients.find(target_);
    if (target != nullptr) return push_invalidation(*target, told_, true);
    pushes_.put(worker_of(reader_), std::make_unique<BrokenRedirectPush>(id_of(reader_)));
  }
  size_t bytes() const override { return sizeof *this + (told_ == nullptr ? 0 : told_->size()); }

 private:
  PushQueues& pushes_;
  uint64_t target_;
  ClientRef reader_;
  Told told_;
};

void tell(PushQueues& pushes, ClientView& client, const Told& told) {
  const TrackingState& state = *client.session().tracking;
  if (state.redirect == 0) return push_invalidation(client, told, false);
  const ClientRef reader = client_ref(PushQueues::this_worker(), client.session().id);
  pushes.put(state.redirect_worker,
             std::make_unique<RedirectedPush>(pushes, state.redirect, reader, told));
}

// One key, for clients of one worker that have read it.
class KeyPush : public Push {
 public:
  KeyPush(PushQueues& pushes, Bytes key, std::vector<uint64_t> readers, uint64_t writer)
      : pushes_(pushes),
        told_(std::make_shared<const std::string>(keys_tail({&key, 1}))),
        readers_(std::move(readers)),
        writer_(writer) {}

  void deliver(ClientsOfWorker& clients) override {
    for (const uint64_t id : readers_) {
      ClientView* client = clients.find(id);
      if (client == nullptr) continue;
      const TrackingState* state = client->session().tracking.get();
      if (state == nullptr || state->broadcast) continue;
      if (state->no_loop && writer_ == id) continue;
      tell(pushes_, *client, told_);
    }
  }
  size_t bytes() const override { return sizeof *this + told_->size() + 8 * readers_.size(); }

 private:
  PushQueues& pushes_;
  Told told_;
  std::vector<uint64_t> readers_;
  uint64_t writer_;
};

}  // namespace

// The keys that changed under one prefix since the worker's clients were told last: one message.
class BroadcastPush : public Push {
 public:
  BroadcastPush(Tracking& tracking, std::shared_ptr<Audience> audience)
      : tracking_(tracking), audience_(std::move(audience)) {}

  void deliver(ClientsOfWorker&) override {
    const auto changes = tracking_.take_broadcasts(*audience_);
    const Told all = told(changes, 0);
    for (ClientView* client : audience_->members) {
      const bool no_loop = client->session().tracking->no_loop;
      const Told mine = no_loop ? told(changes, client->session().id) : all;
      if (mine != nullptr) tell(tracking_.pushes_, *client, mine);
    }
  }
  size_t bytes() const override { return sizeof *this; }

 private:
  // Without what `own_writer` changed; null when nothing is left.
  static Told told(const std::vector<Tracking::Broadcast>& changes, uint64_t own_writer) {
    std::vector<Bytes> keys;
    std::unordered_set<Bytes> seen;
    for (const auto& [key, writer] : changes) {
      if (own_writer != 0 && writer == own_writer) continue;
      if (seen.insert(key).second) keys.push_back(key);
    }
    return keys.empty() ? nullptr : std::make_shared<const std::string>(keys_tail(keys));
  }

  Tracking& tracking_;
  std::shared_ptr<Audience> audience_;
};

class FlushPush : public Push {
 public:
  FlushPush(Tracking& tracking, uint64_t flush) : tracking_(tracking), flush_(flush) {}

  void deliver(ClientsOfWorker&) override {
    for (ClientView* client : tracking_.per_worker_[PushQueues::this_worker()].clients) {
      if (client->session().tracking->flushes_before >= flush_) continue;
      tell(tracking_.pushes_, *client, nullptr);
    }
  }
  size_t bytes() const override { return sizeof *this; }

 private:
  Tracking& tracking_;
  uint64_t flush_;  // counted from 1
};

namespace {

class TablesGarbage : public Garbage {
 public:
  TablesGarbage(std::unique_ptr<TrackingTable[]> tables, size_t count)
      : tables_(std::move(tables)), count_(count) {}
  size_t bytes() const override {
    size_t sum = 0;
    for (size_t i = 0; i < count_; ++i) sum += tables_[i].bytes();
    return sum;
  }

 private:
  std::unique_ptr<TrackingTable[]> tables_;
  size_t count_;
};

}  // namespace

Tracking::Tracking(PushQueues& pushes, const ClientDirectory& directory, size_t workers,
                   unsigned shard_bits)
    : pushes_(pushes),
      directory_(directory),
      table_bits_(shard_bits + kTableBits),
      tables_(std::make_unique<TrackingTable[]>(table_count())),
      per_worker_(std::make_unique<PerWorker[]>(workers)),
      workers_(workers),
      prefixes_(1) {}

Tracking::~Tracking() = default;

void Tracking::start(ClientView& client, size_t worker, TrackingState state,
                     const std::vector<Bytes>& prefixes) {
  Session& session = client.session();
  if (session.tracking != nullptr) {
    state.prefixes = std::move(session.tracking->prefixes);
    state.flushes_before = session.tracking->flushes_before;
  } else {
    state.flushes_before = flushes_.load();
    per_worker_[worker].clients.push_back(&client);
    clients_.fetch_add(1, std::memory_order_relaxed);
  }
  for (const Bytes prefix : prefixes) {
    const bool known = std::any_of(state.prefixes.begin(), state.prefixes.end(),
                                   [&](const auto& each) { return each->name == prefix; });
    if (known) continue;
    state.prefixes.push_back(prefixes_.join(prefix, worker, client));
    count_prefix(prefix.size(), 1);
  }
  session.tracking = std::make_shared<TrackingState>(std::move(state));
}

// What it read stays in the tables until a key changes, or until many have read it, see drop_gone:
// finding it would mean to look at them all.
void Tracking::stop(ClientView& client, size_t worker) {
  Session& session = client.session();
  if (session.tracking == nullptr) return;
  for (const auto& audience : session.tracking->prefixes) {
    prefixes_.leave(*audience, client);
    count_prefix(audience->name.size(), -1);
  }
  std::erase(per_worker_[worker].clients, &client);
  clients_.fetch_sub(1, std::memory_order_relaxed);
  session.tracking.reset();
}

void Tracking::count_prefix(size_t bytes, int by) {
  MutexLock lock(lengths_mutex_);
  size_t& count = lengths_[bytes];
  count += static_cast<size_t>(by);
  if (count == 0) lengths_.erase(bytes);
}

void Tracking::note(int64_t keys, int64_t items, int64_t bytes) {
  if (keys != 0) keys_.fetch_add(static_cast<uint64_t>(keys), std::memory_order_relaxed);
  if (items != 0) items_.fetch_add(static_cast<uint64_t>(items), std::memory_order_relaxed);
  if (bytes == 0) return;
  const int64_t unreported = unreported_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (unreported < kReportBytes && -unreported < kReportBytes) return;
  if (store_ != nullptr) store_->memory().add(unreported_bytes_.exchange(0));
}

void Tracking::remember(const Key& key, const Session& session, size_t worker) {
  constexpr uint64_t kMix = 0x9e3779b97f4a7c15;
  TrackingTable& table = table_of(key.hash);
  const ClientRef client = client_ref(worker, session.id);
  const auto change = table.add(key, client);
  note(change.keys, change.items, change.bytes);
  if (change.items == 0 || change.readers < kManyReaders) [[likely]] return;
  if ((client * kMix >> 32) % (change.readers / kLooksPerReader) == 0) drop_gone(table, key);
}

// Short connections that read a key which never changes would make its list grow for ever.
void Tracking::drop_gone(TrackingTable& table, const Key& key) {
  const auto change = table.drop_if(
      key, [this](ClientRef client) { return !directory_.worker_of(id_of(client)); });
  note(change.keys, change.items, change.bytes);
}

void Tracking::changed(Bytes key, uint64_t writer) {
  if (keys() > 0) {
    const Key tracked = Key::of(key);
    TrackingTable& table = table_of(tracked.hash);
    const size_t before = table.bytes();
    if (const auto taken = table.take(tracked)) {
      note(-1, -static_cast<int64_t>(taken->clients().size()),
           static_cast<int64_t>(table.bytes()) - static_cast<int64_t>(before));
      invalidate(*taken, writer);
    }
  }
  if (prefixes_.size() > 0) broadcast(key, writer);
}

void Tracking::invalidate(const TrackedKey& key, uint64_t writer) {
  const auto clients = key.clients();
  for (auto first = clients.begin(); first != clients.end();) {
    const size_t worker = worker_of(*first);
    std::vector<uint64_t> readers;
    for (; first != clients.end() && worker_of(*first) == worker; ++first) {
      readers.push_back(id_of(*first));
    }
    pushes_.put(worker, std::make_unique<KeyPush>(pushes_, key.name(), std::move(readers), writer));
  }
}

std::vector<size_t> Tracking::prefix_lengths(size_t most) {
  std::vector<size_t> lengths;
  MutexLock lock(lengths_mutex_);
  for (const auto& [bytes, count] : lengths_) {
    if (bytes > most) break;
    lengths.push_back(bytes);
  }
  return lengths;
}

void Tracking::broadcast(Bytes key, uint64_t writer) {
  for (const size_t bytes : prefix_lengths(key.size())) {
    prefixes_.each_audience(key.substr(0, bytes), [&](const std::shared_ptr<Audience>& audience) {
      PerWorker& there = per_worker_[audience->worker];
      bool first = false;
      {
        MutexLock lock(there.mutex);
        auto& changes = there.broadcasts[audience.get()];
        first = changes.empty();
        changes.push_back({std::string(key), writer});
      }
      if (!first) return pushes_.add_bytes(audience->worker, sizeof(Broadcast) + key.size());
      pushes_.put(audience->worker, std::make_unique<BroadcastPush>(*this, audience));
    });
  }
}

std::vector<Tracking::Broadcast> Tracking::take_broadcasts(Audience& audience) {
  PerWorker& here = per_worker_[audience.worker];
  MutexLock lock(here.mutex);
  const auto found = here.broadcasts.find(&audience);
  DCHECK(found != here.broadcasts.end());
  std::vector<Broadcast> changes = std::move(found->second);
  here.broadcasts.erase(found);
  return changes;
}

std::unique_ptr<Garbage> Tracking::flushed() {
  const uint64_t flush = flushes_.fetch_add(1) + 1;
  if (clients() > 0) {
    for (size_t worker = 0; worker < workers_; ++worker) {
      pushes_.put(worker, std::make_unique<FlushPush>(*this, flush));
    }
  }
  if (keys() == 0) return nullptr;
  auto fresh = std::make_unique<TrackingTable[]>(table_count());
  tables_.swap(fresh);
  auto garbage = std::make_unique<TablesGarbage>(std::move(fresh), table_count());
  keys_.store(0);
  items_.store(0);
  note(0, 0, -static_cast<int64_t>(garbage->bytes()));
  return garbage;
}

// Each call takes from one table after the other, beginning with one by chance.
void Tracking::evict(uint64_t random) {
  unsigned left = kEvictionsPerCall * (effort_.load(std::memory_order_relaxed) + 1);
  unsigned fruitless = 0;
  for (size_t at = random >> 32; over_limit() && left > 0 && fruitless < table_count(); ++at) {
    const size_t index = at & (table_count() - 1);
    const auto shard = static_cast<unsigned>(index >> kTableBits);
    const ShardLock lock(store_->shard(shard), shard);
    if (!lock) {
      ++fruitless;
      continue;
    }
    random = random * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
    TrackingTable& table = tables_[index];
    const size_t before = table.bytes();
    const auto taken = table.take_random(random >> 16);
    fruitless = taken == nullptr ? fruitless + 1 : 0;
    if (taken == nullptr) continue;
    --left;
    note(-1, -static_cast<int64_t>(taken->clients().size()),
         static_cast<int64_t>(table.bytes()) - static_cast<int64_t>(before));
    invalidate(*taken, 0);
  }
  effort_.store(over_limit() ? effort_.load(std::memory_order_relaxed) + 1 : 0,
                std::memory_order_relaxed);
}

}  // namespace larder
