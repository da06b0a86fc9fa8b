#include "server/engine/keyspace_events.h"

#include <algorithm>
#include <array>

namespace larder {
namespace {

constexpr EventClasses bit(EventClass one) { return static_cast<EventClasses>(one); }

struct Letter {
  char letter;
  EventClass one;
};
// In the order CONFIG GET prints them. 'A' stands for those up to 'd'.
constexpr Letter kLetters[] = {
    {'g', EventClass::generic}, {'$', EventClass::string},     {'l', EventClass::list},
    {'s', EventClass::set},     {'h', EventClass::hash},       {'z', EventClass::sorted_set},
    {'x', EventClass::expired}, {'e', EventClass::evicted},    {'t', EventClass::stream},
    {'d', EventClass::module},  {'n', EventClass::added},      {'K', EventClass::keyspace},
    {'E', EventClass::keyevent}, {'m', EventClass::miss},
};
constexpr size_t kLettersOfAll = 10;

constexpr EventClasses classes_of_all() {
  EventClasses all = 0;
  for (size_t i = 0; i < kLettersOfAll; ++i) all |= bit(kLetters[i].one);
  return all;
}
constexpr EventClasses kAll = classes_of_all();

struct Event {
  Bytes name;
  EventClass one;
};
using enum EventClass;
constexpr auto kEvents = std::to_array<Event>({
    {"append", string}, {"copy_to", generic}, {"del", generic}, {"evicted", evicted},
    {"expire", generic}, {"expired", expired}, {"geosearchstore", sorted_set},
    {"georadiusstore", sorted_set}, {"hdel", hash}, {"hexpire", hash}, {"hexpired", hash},
    {"hincrby", hash}, {"hincrbyfloat", hash}, {"hpersist", hash}, {"hset", hash},
    {"incrby", string}, {"incrbyfloat", string}, {"keymiss", miss}, {"linsert", list},
    {"lpop", list}, {"lpush", list}, {"lrem", list}, {"lset", list}, {"ltrim", list},
    {"move_from", generic}, {"move_to", generic}, {"new", added}, {"persist", generic},
    {"pfadd", string}, {"rename_from", generic}, {"rename_to", generic}, {"restore", generic},
    {"rpop", list}, {"rpush", list}, {"sadd", set}, {"sdiffstore", set}, {"set", string},
    {"setbit", string}, {"setrange", string}, {"sinterstore", set}, {"sortstore", list},
    {"spop", set}, {"srem", set}, {"sunionstore", set}, {"xack", stream}, {"xadd", stream},
    {"xautoclaim", stream}, {"xclaim", stream}, {"xdel", stream},
    {"xgroup-create", stream}, {"xgroup-createconsumer", stream},
    {"xgroup-delconsumer", stream}, {"xgroup-destroy", stream}, {"xgroup-setid", stream},
    {"xsetid", stream}, {"xtrim", stream}, {"zadd", sorted_set}, {"zdiffstore", sorted_set},
    {"zincr", sorted_set}, {"zinterstore", sorted_set}, {"zpopmax", sorted_set},
    {"zpopmin", sorted_set}, {"zrangestore", sorted_set}, {"zrem", sorted_set},
    {"zremrangebylex", sorted_set}, {"zremrangebyrank", sorted_set},
    {"zremrangebyscore", sorted_set}, {"zunionstore", sorted_set},
});

}  // namespace

std::optional<EventClasses> parse_event_classes(Bytes letters) {
  EventClasses classes = 0;
  for (const char letter : letters) {
    const auto found = std::find_if(std::begin(kLetters), std::end(kLetters),
                                    [&](const Letter& each) { return each.letter == letter; });
    if (letter != 'A' && found == std::end(kLetters)) return {};
    classes |= letter == 'A' ? kAll : bit(found->one);
  }
  return classes;
}

// What CONFIG SET keeps, so 'n' stands beside 'A', which does not hold it; Redis forgets to say so.
std::string event_class_letters(EventClasses classes) {
  std::string letters;
  const bool all = (classes & kAll) == kAll;
  if (all) letters += 'A';
  for (const auto& [letter, one] : kLetters) {
    const bool said = all && (kAll & bit(one)) != 0;
    if ((classes & bit(one)) != 0 && !said) letters += letter;
  }
  return letters;
}

EventClass class_of_event(Bytes event) {
  for (const Event& each : kEvents) {
    if (each.name == event) return each.one;
  }
  return EventClass::generic;
}

void KeyspaceEvents::set_classes(EventClasses classes) {
  const bool told = (classes & (bit(EventClass::keyspace) | bit(EventClass::keyevent))) != 0;
  active_.store(told ? classes : 0);
}

void KeyspaceEvents::tell(EventClass one, Bytes event, unsigned db, Bytes key) {
  if (!wants(one) || !pubsub_.has_listeners()) return;
  const std::string database = std::to_string(db) + "__:";
  if (wants(EventClass::keyspace)) {
    pubsub_.publish(("__keyspace@" + database).append(key), event);
  }
  if (wants(EventClass::keyevent)) {
    pubsub_.publish(("__keyevent@" + database).append(event), key);
  }
}

}  // namespace larder
