#include "server/engine/listeners.h"

#include <algorithm>
#include <utility>

#include "server/engine/removed_keys.h"
#include "server/engine/services.h"

namespace larder {
namespace {

thread_local std::vector<RemovedKey> removed_keys;

}  // namespace

void note_removed_key(Waiters& waiters, const Key& key, unsigned db) {
  const Waiters::List* list = waiters.find(key, db);
  if (list == nullptr) return;
  const auto woken = std::find_if(list->begin(), list->end(), [](const auto& waiter) {
    return waiter->options.wakes_on_removal;
  });
  if (woken == list->end()) return;
  removed_keys.push_back({KeyPlace(key, db), *woken});
  any_keys_removed = true;
}

std::vector<RemovedKey> take_removed_keys() {
  any_keys_removed = false;
  return std::exchange(removed_keys, {});
}

void Listeners::gone(unsigned db, Bytes key) {
  if (!watches.empty()) touch_gone_watches(watches, Key::of(key), db);
  if (!waiters.empty()) note_removed_key(waiters, Key::of(key), db);
  if (effects.active()) effects.append_gone(db, key);
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
