#include "server/commands/call.h"

namespace larder {

Key Call::key(size_t index) const {
  return {args_[index], index == first_key_ ? first_hash_ : hash_of(args_[index])};
}

Item Call::find_to_read(const Key& key) {
  Keyspace& keys = keyspace(key);
  const Item item = keys.find_live(key, now_ms_);
  if (!item) {
    worker_.stats->misses.add(1);
    return item;
  }
  worker_.stats->hits.add(1);
  if (!session_.no_touch) keys.touch(item);
  return item;
}

void Call::changed(const char* /*event*/, const Key& /*key*/) { worker_.stats->changes.add(1); }

}  // namespace larder
