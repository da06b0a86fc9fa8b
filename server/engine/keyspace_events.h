// Keyspace events: what happens to keys, published on channels of their own. They are told under
// the lock of the key's shard, so the events of one key come in the order of its changes.
//
//   __keyspace@0__:mykey   -> "lpush"        with class K
//   __keyevent@0__:lpush   -> "mykey"        with class E
//
// The class of an event is looked up by its name, in one table.
// Source: https://redis.io/docs/manual/keyspace-notifications/
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "server/engine/pubsub.h"

namespace larder {

// One bit for each letter of notify-keyspace-events.
enum class EventClass : uint32_t {
  keyspace = 1U << 0,    // K: told by key
  keyevent = 1U << 1,    // E: told by event
  generic = 1U << 2,     // g
  string = 1U << 3,      // $
  list = 1U << 4,        // l
  set = 1U << 5,         // s
  hash = 1U << 6,        // h
  sorted_set = 1U << 7,  // z
  expired = 1U << 8,     // x
  evicted = 1U << 9,     // e
  stream = 1U << 10,     // t
  module = 1U << 11,     // d
  miss = 1U << 12,       // m
  added = 1U << 13,      // n
};
using EventClasses = uint32_t;

// The classes of a setting, nothing when a letter is none; and the letters as CONFIG GET has them.
std::optional<EventClasses> parse_event_classes(Bytes letters);
std::string event_class_letters(EventClasses classes);
// Of an event by its name; generic for names that are not in the table.
EventClass class_of_event(Bytes event);

class KeyspaceEvents {
 public:
  explicit KeyspaceEvents(PubSub& pubsub) : pubsub_(pubsub) {}

  void set_classes(EventClasses classes);
  // Without K and E nothing is told, whatever else is set.
  bool active() const { return active_.load(std::memory_order_relaxed) != 0; }
  bool wants(EventClass one) const {
    return (active_.load(std::memory_order_relaxed) & static_cast<EventClasses>(one)) != 0;
  }
  // Under the lock of the key's shard.
  void tell(Bytes event, unsigned db, Bytes key) { tell(class_of_event(event), event, db, key); }
  void tell(EventClass one, Bytes event, unsigned db, Bytes key);

 private:
  PubSub& pubsub_;
  std::atomic<EventClasses> active_{0};
};

}  // namespace larder
