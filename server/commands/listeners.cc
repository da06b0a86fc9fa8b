#include "server/commands/listeners.h"

#include <algorithm>

#include "server/commands/services.h"

namespace larder {
namespace {

// Has the worker serve the clients that wait for keys that went, behind what it does now.
class ServeGonePush : public Push {
 public:
  explicit ServeGonePush(PushQueues& pushes) : pushes_(pushes) {}
  void deliver(ClientsOfWorker&) override {
    pushes_.visit_this_worker([](ClientsOfWorker& clients) { clients.retry_postponed(); });
  }
  size_t bytes() const override { return sizeof *this; }

 private:
  PushQueues& pushes_;
};

}  // namespace

void Listeners::gone(unsigned db, Bytes key) {
  if (!watches.empty()) touch_gone_watches(watches, Key::of(key), db);
  if (effects.active()) effects.append_gone(db, key);
  if (!waiters.empty()) tell_waiters(db, key);
}

void Listeners::tell_waiters(unsigned db, Bytes key) {
  const Key gone = Key::of(key);
  const Waiters::List* list = waiters.find(gone, db);
  if (list == nullptr) return;
  const auto wanted = [](const auto& waiter) { return waiter->options.wakes_on_removal; };
  if (std::none_of(list->begin(), list->end(), wanted)) return;
  gone_keys.add({KeyPlace(gone, db), list->front()});
  pushes.put(list->front()->worker, std::make_unique<ServeGonePush>(pushes));
}

void Listeners::expired(unsigned db, Bytes key) {
  gone(db, key);
  if (tracking.active()) tracking.changed(key, 0);
  if (events.active()) events.tell(EventClass::expired, "expired", db, key);
}

void Listeners::fields_expired(unsigned db, Bytes key, std::span<const std::string> fields,
                               bool emptied) {
  if (effects.active()) effects.append_fields_gone(db, key, fields);
  changed("hexpired", db, key, 0);
  if (emptied) also("del", db, key);
}

void Listeners::evicted(unsigned db, Bytes key) {
  gone(db, key);
  if (tracking.active()) tracking.changed(key, 0);
  if (events.active()) events.tell(EventClass::evicted, "evicted", db, key);
}

void Listeners::added(unsigned db, Bytes key) { events.tell(EventClass::added, "new", db, key); }

void Listeners::forget(ClientView& client, Store& store) {
  end_transaction(watches, store, client.session());
  unsubscribe_all(pubsub, client);
  tracking.stop(client, PushQueues::this_worker());
}

}  // namespace larder
