#include "server/commands/call.h"

#include "server/commands/listeners.h"

namespace larder {

Key Call::key(size_t index) const {
  return {args_[index], index == first_key_ ? first_hash_ : hash_of(args_[index])};
}

inline Item Call::look(Keyspace& keys, const Key& key) {
  const Item item = keys.find_live(key, now_ms_);
  (item ? worker_.stats->hits : worker_.stats->misses).add(1);
  if (!item) services_.listeners.missed(session_.db, key.name);
  return item;
}

Item Call::find_to_look(const Key& key) { return look(keyspace(key), key); }

Item Call::find_to_read(const Key& key) {
  Keyspace& keys = keyspace(key);
  const Item item = look(keys, key);
  if (item && !session_.no_touch) keys.touch(item);
  return item;
}

void Call::changed(const char* event, const Key& key, unsigned db) {
  worker_.stats->changes.add(1);
  services_.listeners.changed(event, db, key.name, session_.id);
}

void Call::also(const char* event, const Key& key) {
  services_.listeners.also(event, session_.db, key.name);
}

}  // namespace larder
