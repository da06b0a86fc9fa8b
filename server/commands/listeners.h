// Everything about clients that are told things without asking, in one place for the services.
#pragma once

#include "server/commands/pubsub.h"
#include "server/commands/pushes.h"

namespace larder {

struct Listeners {
  explicit Listeners(size_t workers) : pushes(workers), pubsub(pushes) {}

  PushQueues pushes;
  PubSub pubsub;

  // The client goes, or starts anew (RESET). On its worker.
  void forget(ClientView& client) { unsubscribe_all(pubsub, client); }
};

}  // namespace larder
