#include "server/engine/read_tracking.h"

#include "server/engine/dispatcher.h"
#include "server/engine/key_uses.h"
#include "server/engine/listeners.h"

namespace larder {

void remember_reads(Call& call) {
  const TrackingState* state = call.session().tracking.get();
  if (state == nullptr || !state->remembers()) return;
  std::vector<size_t> keys;
  if (!find_keys(*call.command().spec, call.args(), keys)) return;
  Tracking& tracking = call.services().listeners.tracking;
  for (const size_t at : keys) {
    tracking.remember(call.key(at), call.session(), call.worker().index);
  }
}

void end_caching(Session& session, const Command* command) {
  if (session.tracking == nullptr || !session.tracking->caching) return;
  if (command != nullptr && command->parent != nullptr) command = command->parent;
  const Bytes name = command != nullptr ? command->spec->name : Bytes();
  if (name != "CLIENT" && name != "MULTI") session.tracking->caching = false;
}

}  // namespace larder
