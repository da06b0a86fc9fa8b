// What the files about hashes share: looking a hash up, its limits, its replies.
#pragma once

#include "server/engine/call.h"
#include "server/engine/errors.h"
#include "server/engine/key_types.h"
#include "storage/hash.h"

namespace larder {

// Due fields removed by the way when a hash is looked at; the rest goes in the background.
inline constexpr size_t kDueFieldsMax = 256;

inline PackLimits hash_limits(Call& call) {
  const LiveSettings& settings = call.settings();
  return {static_cast<size_t>(settings.hash_pack_fields_max.load(std::memory_order_relaxed)),
          static_cast<size_t>(settings.hash_pack_bytes_max.load(std::memory_order_relaxed))};
}

inline Hash open_hash(Call& call, const Key& key, Item item) {
  Keyspace& keys = call.keyspace(key);
  if (item) item = keys.drop_due_fields(item, call.now_ms(), kDueFieldsMax);
  return Hash(keys, key, item, call.now_ms());
}

// Runs `body(Hash&)`, which returns the Status, with the hash of the first key.
template <typename Body>
Status read_hash(Call& call, Body body) {
  const Key key = call.key(1);
  const Item item = call.find_to_read(key);
  if (!is_type(item, Type::hash)) return Status::error(errors::kWrongType);
  Hash hash = open_hash(call, key, item);
  return body(hash);
}
template <typename Body>
Status change_hash(Call& call, Body body) {
  const Key key = call.key(1);
  const Item item = call.find_to_write(key);
  if (!is_type(item, Type::hash)) return Status::error(errors::kWrongType);
  Hash hash = open_hash(call, key, item);
  return body(hash);
}

// `event`, and "del" when the last field went.
inline void hash_changed(Call& call, const char* event, const Hash& hash) {
  const Key key = call.key(1);
  call.changed(event, key);
  if (!hash.exists()) call.also("del", key);
}

inline void reply_field_value(Call& call, const std::optional<HashField>& field) {
  field ? call.reply().bulk(field->value) : call.reply().null();
}

}  // namespace larder
