// Everybody who must hear of a change: publish and subscribe, keyspace events, client-side caching,
// blocked clients, watches, and the effect log with its safe point. One per server.
#pragma once

#include "server/engine/blocking.h"
#include "server/engine/client_directory.h"
#include "server/engine/effects.h"
#include "server/engine/keyspace_events.h"
#include "server/engine/pubsub.h"
#include "server/engine/pushes.h"
#include "server/engine/safe_point.h"
#include "server/engine/tracking.h"
#include "server/engine/transactions.h"
#include "storage/events.h"

namespace larder {

// The changes of keys arrive here, under the lock of the key's shard.
class Listeners : public StoreEvents {
 public:
  // `shard_bits` as of the store whose changes are told.
  Listeners(size_t workers, unsigned shard_bits)
      : pushes(workers),
        pubsub(pushes),
        events(pubsub),
        tracking(pushes, clients, workers, shard_bits) {}

  PushQueues pushes;
  PubSub pubsub;
  KeyspaceEvents events;
  Tracking tracking;
  ClientDirectory clients;
  Waiters waiters;  // blocked clients, by key
  Watches watches;  // WATCH, by key
  EffectLog effects;     // what replicas and the append-only file read
  SafePoint safe_point;  // behind it, replies to writes are held

  // A command of client `writer` changed a key.
  void changed(const char* event, unsigned db, Bytes key, uint64_t writer) {
    if (tracking.active()) [[unlikely]] tracking.changed(key, writer);
    if (events.active()) [[unlikely]] events.tell(event, db, key);
  }
  void also(const char* event, unsigned db, Bytes key) {
    if (events.active()) [[unlikely]] events.tell(event, db, key);
  }
  // A command looked for a key that is not there.
  void missed(unsigned db, Bytes key) {
    if (events.active()) [[unlikely]] events.tell(EventClass::miss, "keymiss", db, key);
  }

  // StoreEvents
  void expired(unsigned db, Bytes key) override;
  void fields_expired(unsigned db, Bytes key, std::span<const std::string> fields,
                      bool emptied) override;
  bool wants_fields() const override { return effects.active(); }
  void evicted(unsigned db, Bytes key) override;
  void added(unsigned db, Bytes key) override;

  // The client goes, or starts anew (RESET). On its worker.
  void forget(ClientView& client, Store& store);

 private:
  // A key went by itself.
  void gone(unsigned db, Bytes key);
};

}  // namespace larder
