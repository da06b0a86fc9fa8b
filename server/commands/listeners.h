// Everything about clients that are told things without asking, in one place for the services.
#pragma once

#include "server/commands/client_directory.h"
#include "server/commands/keyspace_events.h"
#include "server/commands/pubsub.h"
#include "server/commands/pushes.h"
#include "server/commands/tracking.h"
#include "storage/events.h"

namespace larder {

// The changes of keys arrive here, under the lock of the key's shard.
class Listeners : public StoreEvents {
 public:
  // `shard_bits` as of the store whose changes are told.
  Listeners(size_t workers, unsigned shard_bits)
      : pushes(workers), pubsub(pushes), events(pubsub), tracking(pushes, workers, shard_bits) {}

  PushQueues pushes;
  PubSub pubsub;
  KeyspaceEvents events;
  Tracking tracking;
  ClientDirectory clients;

  // A command of client `writer` changed a key.
  void changed(Bytes event, unsigned db, Bytes key, uint64_t writer) {
    if (tracking.active()) [[unlikely]] tracking.changed(key, writer);
    if (events.active()) [[unlikely]] events.tell(event, db, key);
  }
  void also(Bytes event, unsigned db, Bytes key) {
    if (events.active()) [[unlikely]] events.tell(event, db, key);
  }
  // A command looked for a key that is not there.
  void missed(unsigned db, Bytes key) {
    if (events.active()) [[unlikely]] events.tell(EventClass::miss, "keymiss", db, key);
  }

  // StoreEvents
  void expired(unsigned db, Bytes key) override;
  void evicted(unsigned db, Bytes key) override;
  void added(unsigned db, Bytes key) override;

  // The client goes, or starts anew (RESET). On its worker.
  void forget(ClientView& client);
};

}  // namespace larder
