#include "server/commands/listeners.h"

#include "server/commands/services.h"

namespace larder {

void Listeners::gone(unsigned db, Bytes key) {
  if (!watches.empty()) touch_gone_watches(watches, Key::of(key), db);
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
