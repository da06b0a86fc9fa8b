// What the files about sets share: looking a set up, its limits, its events.
#pragma once

#include "server/engine/call.h"
#include "server/engine/errors.h"
#include "server/engine/key_types.h"
#include "storage/set.h"

namespace larder {

inline SetLimits set_limits(Call& call) {
  const LiveSettings& settings = call.settings();
  const auto limit = [](const std::atomic<int64_t>& value) {
    return static_cast<size_t>(value.load(std::memory_order_relaxed));
  };
  return {limit(settings.set_integers_max),
          {limit(settings.set_pack_members_max), limit(settings.set_pack_bytes_max)}};
}

// Runs `body(Set&)`, which returns the Status, with the set of the first key.
template <typename Body>
Status read_set(Call& call, Body body) {
  const Key key = call.key(1);
  const Item item = call.find_to_read(key);
  if (!is_type(item, Type::set)) return Status::error(errors::kWrongType);
  const Set set(call.keyspace(key), key, item);
  return body(set);
}
template <typename Body>
Status change_set(Call& call, Body body) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  if (!is_type(item, Type::set)) return Status::error(errors::kWrongType);
  Set set(call.keyspace(key), key, item);
  return body(set);
}

// `event`, and "del" when the last member went.
inline void set_changed(Call& call, const char* event, const Set& set) {
  const Key key = call.key(1);
  call.changed(event, key);
  if (!set.exists()) call.also("del", key);
}

}  // namespace larder
