#include "server/engine/call.h"

#include "server/engine/dispatcher.h"
#include "server/engine/listeners.h"

namespace larder {

Key Call::key(size_t index) const {
  return {args_[index], index == first_key_ ? first_hash_ : hash_of(args_[index])};
}

int64_t Call::clock_us() {
  if (outer_ != nullptr) return outer_->clock_us();
  if (clock_us_ == 0) clock_us_ = unix_us();
  return clock_us_;
}

inline Item Call::look(Keyspace& keys, const Key& key) {
  const Item item = keys.find_live(key, now_ms_);
  (item ? worker_.stats->hits : worker_.stats->misses).add(1);
  if (!item) {
    keys.missed(key);
    services_.listeners.missed(session_.db, key.name);
  }
  return item;
}

Item Call::find_to_look(const Key& key) { return look(keyspace(key), key); }

Item Call::find_to_read(const Key& key) {
  Keyspace& keys = keyspace(key);
  const Item item = look(keys, key);
  if (!item || session_.no_touch) return item;
  keys.touch(item);
  if (services_.settings.ttl_rules_slide.load(std::memory_order_relaxed)) [[unlikely]] {
    renew_life(item, key);
  }
  return item;
}

void Call::also(const char* event, const Key& key) {
  services_.listeners.also(event, session_.db, key.name);
}

void Call::changed(const char* event, const Key& key, unsigned db) {
  worker_.stats->changes.add(1);
  changed_ = true;
  Listeners& listeners = services_.listeners;
  listeners.changed(event, db, key.name, session_.id);
  if (services_.settings.ttl_rules_govern.load(std::memory_order_relaxed)) [[unlikely]] {
    govern_life(event, key, db);
  }
  if (listeners.watches.empty() && listeners.waiters.empty()) [[likely]] return;
  touch_watches(listeners.watches, key, db);
  if (listeners.waiters.find(key, db) != nullptr) dispatcher_.note_ready({key, db});
}

bool Call::wants_effect() const { return services_.listeners.effects.active(); }

void Call::effect(std::span<const Bytes> words, EffectFor whom) {
  effect_ = Effect::given;
  const unsigned db = whom == EffectFor::file ? kNoDatabase : session_.db;
  if (wants_effect()) dispatcher_.effects().batch().add(db, words, whom & effect_for_);
}

Status Call::wait_for_keys(WaitOptions options) {
  still_waiting_ = true;
  if (retry_) return Status::ok();
  if (nested_) {
    reply_nothing(reply_, options.nothing);
    return Status::ok();
  }
  auto waiter = std::make_shared<Waiter>();
  waiter->command = command_;
  waiter->words.assign(args_.begin(), args_.end());
  if (!options.args.empty()) waiter->words = std::move(options.args);
  waiter->args.assign(waiter->words.begin(), waiter->words.end());
  waiter->session.id = session_.id;
  waiter->session.db = session_.db;
  waiter->session.protocol = session_.protocol;
  waiter->session.address = session_.address;
  waiter->session.fd = session_.fd;
  waiter->session.name = session_.name;
  waiter->session.user = session_.user;
  waiter->session.authenticated = true;
  waiter->session.acl_pass = session_.acl_pass;
  waiter->session.acl_generation = session_.acl_generation;
  waiter->session.acl_user = session_.acl_user;
  waiter->worker = worker_.index;
  waiter->waker = waker_;
  waiter->options = std::move(options);
  dispatcher_.list_waiter(waiter);
  start_task(std::make_unique<BlockedTask>(services_, std::move(waiter)));
  return Status::ok();
}

}  // namespace larder
