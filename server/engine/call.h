// One command being run: its arguments, the client, the locked data and the reply to fill.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "protocol/reply_writer.h"
#include "server/engine/blocking.h"
#include "server/engine/effects.h"
#include "server/engine/registry.h"
#include "server/engine/services.h"
#include "server/engine/session.h"
#include "server/engine/task.h"
#include "storage/store.h"

namespace larder {

// What a worker hands to the dispatcher: its own number, counters, random numbers.
struct WorkerContext {
  size_t index = 0;
  ClientsOfWorker* clients = nullptr;
  WorkerStats* stats = nullptr;
  Random* random = nullptr;
};

// A parsed request on its way through the batch.
struct Request {
  std::span<const Bytes> args;
  const Command* command = nullptr;
  uint64_t hash = 0;       // of the first key
  uint32_t first_key = 0;  // its argument; 0: none
};

class Dispatcher;

class Call {
 public:
  // `waker` wakes this client's task; the connection's, or null.
  Call(Dispatcher& dispatcher, Session& session, ReplyWriter& reply,
       const std::shared_ptr<Waker>& waker, const Request& request, int64_t now_ms);

  const Command& command() const { return *command_; }
  std::span<const Bytes> args() const { return args_; }
  Bytes arg(size_t index) const { return args_[index]; }
  size_t arg_count() const { return args_.size(); }
  // Unix time, the same for the whole call: what decides whether a key's time has come. kNoClock
  // for a request that is replayed or that the primary sends: then no time has come, as it had not
  // when it was run at first.
  int64_t now_ms() const { return now_ms_; }
  static constexpr int64_t kNoClock = 0;
  // The time itself, for what is counted from now on.
  int64_t clock_ms() const { return now_ms_ != kNoClock ? now_ms_ : unix_ms(); }
  // The same in microseconds, and one moment for all that a script or EXEC runs.
  int64_t clock_us();

  Services& services() { return services_; }
  Store& store() { return services_.store; }
  LiveSettings& settings() { return services_.settings; }
  WorkerContext& worker() { return worker_; }
  Random& random() { return *worker_.random; }
  Session& session() { return session_; }
  // The connection behind the session.
  ClientView* client() { return worker_.clients->find(session_.id); }
  ReplyWriter& reply() { return reply_; }

  // Argument `index` as a key. Its hash was computed when the card's keys were locked.
  Key key(size_t index) const;

  // The keyspace of a key that the card names, in the client's database. Its shard is locked.
  Keyspace& keyspace(const Key& key) { return keyspace(key, session_.db); }
  Keyspace& keyspace(const Key& key, unsigned db) NO_THREAD_SAFETY_ANALYSIS {
    return services_.store.shard_of(key.hash).keyspace(db);
  }
  // Looks a key up to read it: counts a hit or a miss and tells the eviction policy.
  Item find_to_read(const Key& key);
  // The same, but it does not count as a use of the key (EXISTS, TTL, TYPE).
  Item find_to_look(const Key& key);
  // Looks a key up to change it, which is a use of it, too.
  Item find_to_write(const Key& key) {
    Keyspace& keys = keyspace(key);
    const Item item = keys.find_live(key, now_ms_);
    if (item && !session_.no_touch) keys.touch(item);
    return item;
  }
  // Looks without being noticed (OBJECT, on behalf of tools).
  Item peek(const Key& key) { return keyspace(key).find_live(key, now_ms_); }

  // Nothing is there for the command: its client waits, see blocking.h. Inside a transaction or a
  // script it gets the answer that it would get when the time is over.
  Status wait_for_keys(WaitOptions options);
  // The command is tried again for a client that waits.
  bool is_retry() const { return retry_; }
  // Run by EXEC or a script: it can't wait for anything.
  bool is_nested() const { return nested_; }
  bool in_script() const { return in_script_; }
  Dispatcher& dispatcher() { return dispatcher_; }

  // A command changed `key`; `event` is the keyspace event's name. Everything that listens to
  // changes (replication, append-only file, keyspace events, client-side caching, WATCH) hears of
  // it here.
  void changed(const char* event, const Key& key) { changed(event, key, session_.db); }
  void changed(const char* event, const Key& key, unsigned db);
  // What `changed` tells next leaves the key's life as it was (SET KEEPTTL).
  void keeps_life() { life_kept_ = true; }
  // What was told counts as so many changes in all, where a save point counts elements (RPUSH of
  // three); without a word it is one.
  void count_changes(uint64_t all) { worker_.stats->changes.add(all - 1); }
  // Another event of a change that was told already (SET with a life: "set", then "expire").
  void also(const char* event, const Key& key);

  // What replicas and the append-only file get of a call that changed something: the request as it
  // is, unless the handler gives other effects (absolute times, no randomness). Only worth
  // preparing while somebody reads.
  bool wants_effect() const;
  void effect(std::span<const Bytes> words, EffectFor whom = EffectFor::all);
  void effect(std::initializer_list<Bytes> words, EffectFor whom = EffectFor::all) {
    effect(std::span<const Bytes>(words.begin(), words.size()), whom);
  }
  // A change of no key in particular (FLUSHALL, FUNCTION LOAD).
  void changed_at_large(uint64_t changes = 1) {
    worker_.stats->changes.add(changes);
    changed_ = true;
  }

  // The rest of the command's work. The reply is written by the task.
  void start_task(std::unique_ptr<Task> task) { task_ = std::move(task); }
  std::unique_ptr<Task> take_task() { return std::move(task_); }
  bool has_task() const { return task_ != nullptr; }
  // Wakes this client's task; see Waker.
  const std::shared_ptr<Waker>& waker() const { return waker_; }

 private:
  friend class Dispatcher;
  friend class EffectGatherer;

  Item look(Keyspace& keys, const Key& key);
  // TTL rules, see life_rules.cc.
  void govern_life(Bytes event, const Key& key, unsigned db);
  void renew_life(Item item, const Key& key);

  Dispatcher& dispatcher_;
  Services& services_;
  WorkerContext& worker_;
  Session& session_;
  ReplyWriter& reply_;
  const std::shared_ptr<Waker>& waker_;
  bool retry_ = false;
  bool nested_ = false;
  bool in_script_ = false;
  bool life_kept_ = false;
  bool still_waiting_ = false;  // of a retry
  bool changed_ = false;
  enum class Effect : uint8_t { request, given } effect_ = Effect::request;
  EffectFor effect_for_ = EffectFor::all;  // at most; a script may have said
  const Command* const command_;
  const std::span<const Bytes> args_;
  const int64_t now_ms_;
  size_t first_key_;
  uint64_t first_hash_;
  std::unique_ptr<Task> task_;
  Call* outer_ = nullptr;  // of a script's or EXEC's command
  int64_t clock_us_ = 0;   // once it was asked for
};

}  // namespace larder
