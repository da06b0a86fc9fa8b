// The card of a command: every fact about it, once. COMMAND, locking, ACL checks, the docs and
// redis-cli's hints are read from it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "server/engine/status.h"

namespace larder {

class Call;
struct Services;

// Flags as COMMAND INFO prints them.
enum class Flag : uint32_t {
  none = 0,
  write = 1U << 0,
  readonly = 1U << 1,
  deny_oom = 1U << 2,
  admin = 1U << 3,
  pubsub = 1U << 4,
  noscript = 1U << 5,
  blocking = 1U << 6,
  loading = 1U << 7,
  stale = 1U << 8,
  skip_monitor = 1U << 9,
  skip_slowlog = 1U << 10,
  fast = 1U << 11,
  no_auth = 1U << 12,
  may_replicate = 1U << 13,  // known to COMMAND under no name, as in Redis
  no_multi = 1U << 14,
  allow_busy = 1U << 15,
  movable_keys = 1U << 16,
  no_mandatory_keys = 1U << 17,
  no_async_loading = 1U << 18,
  // Ours, not printed: the dispatcher locks every shard for the call.
  whole_store = 1U << 24,
  // Ours: it runs at once inside MULTI instead of being queued.
  never_queued = 1U << 25,
  // Ours (EXEC): the dispatcher locks the shards of the client's queued requests.
  runs_queue = 1U << 26,
  // Ours: scripts run or change in it: the dispatcher takes the turn of scripts, see script_run.h.
  script_turn = 1U << 27,
  // Ours: it looks at no key, so EXEC holds no shard for it.
  no_data = 1U << 28,
  // Ours: it may wait for others. EXEC then takes the turn of scripts, so that who wants its shards
  // meanwhile waits as for a script that runs for long.
  waits_in_turn = 1U << 29,
};
constexpr Flag operator|(Flag a, Flag b) {
  return static_cast<Flag>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
constexpr Flag without(Flag flags, Flag some) {
  return static_cast<Flag>(static_cast<uint32_t>(flags) & ~static_cast<uint32_t>(some));
}
constexpr bool has(Flag flags, Flag flag) {
  return (static_cast<uint32_t>(flags) & static_cast<uint32_t>(flag)) != 0;
}

// ACL categories as ACL CAT names them.
enum class Acl : uint32_t {
  none = 0,
  keyspace = 1U << 0,
  read = 1U << 1,
  write = 1U << 2,
  set = 1U << 3,
  sortedset = 1U << 4,
  list = 1U << 5,
  hash = 1U << 6,
  string = 1U << 7,
  bitmap = 1U << 8,
  hyperloglog = 1U << 9,
  geo = 1U << 10,
  stream = 1U << 11,
  pubsub = 1U << 12,
  admin = 1U << 13,
  fast = 1U << 14,
  slow = 1U << 15,
  blocking = 1U << 16,
  dangerous = 1U << 17,
  connection = 1U << 18,
  transaction = 1U << 19,
  scripting = 1U << 20,
};
constexpr Acl operator|(Acl a, Acl b) {
  return static_cast<Acl>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
constexpr bool has(Acl set, Acl one) {
  return (static_cast<uint32_t>(set) & static_cast<uint32_t>(one)) != 0;
}

// What a command does to a key, as COMMAND GETKEYSANDFLAGS prints it.
enum class KeyUse : uint8_t {
  read_only_access,  // RO access
  read_write_access_update,
  overwrite_update,
  overwrite_insert,
  remove_delete,
  read_only,
  read_write_delete,
  read_write_access_delete,
  read_write_insert,
  read_write_update,
  overwrite,
  read_write_access,
  read_write_access_insert,
  none,
};

// Where the keys stand among the arguments (the command's name is argument 0).
struct KeySpec {
  int first = 0;       // 0: no keys
  int last = 0;        // negative: counted from the end, -1 is the last
  int step = 1;
  int count_at = 0;    // not 0: this argument says how many keys follow, `first` is the first
  KeyUse use = KeyUse::read_only_access;
  KeyUse other_use = KeyUse::read_only_access;  // of all keys but the first, when they differ
  bool others_differ = false;
  // Of a command whose use depends on its arguments (SET with or without GET).
  KeyUse (*use_of)(std::span<const Bytes> args) = nullptr;
  // They stand where keys do, for cluster slots, but name no data (channels of SPUBLISH).
  bool channels = false;
  // Where more keys stand (the sources of ZUNIONSTORE, GEORADIUS's STORE); null: nowhere.
  const KeySpec* also = nullptr;

  // Not empty: the keys are the first half of what follows this word, which stands at
  // `keyword_from` or behind it (STREAMS of XREAD).
  Bytes keyword{};
  int keyword_from = 1;
  // Keys stand where only the command itself finds them (SORT): so many specs that say so, the
  // first with `use`, the second with `other_use`.
  int unknown = 0;
  // Of a command with one more key behind an option: that argument, 0 when it is not given.
  size_t (*option_key)(std::span<const Bytes> args) = nullptr;
  // Only the argument behind that word is a key, and the word may be missing. Only in an `also`.
  bool one_behind = false;
  // Where options decide which arguments are keys, this names them all; false when the arguments
  // don't fit. This spec and those behind it then only tell clients where keys may stand.
  bool (*find)(std::span<const Bytes> args, std::vector<size_t>& keys) = nullptr;
  // For clients only: the spec before finds these keys, too (MIGRATE's KEYS).
  bool told_only = false;

  constexpr bool names_keys() const { return (first != 0 && !channels) || !keyword.empty(); }
};

constexpr KeySpec key_at(int index, KeyUse use) { return {index, index, 1, 0, use, use}; }
constexpr KeySpec keys_from(int first, int last, int step, KeyUse use) {
  return {first, last, step, 0, use, use};
}
constexpr KeySpec keys_counted_at(int count_at, int step, KeyUse use) {
  return {count_at + 1, 0, step, count_at, use, use};
}
constexpr KeySpec keys_behind(Bytes keyword, int from, KeyUse use) {
  KeySpec spec;
  spec.use = spec.other_use = use;
  spec.keyword = keyword;
  spec.keyword_from = from;
  return spec;
}
// The first key is used in one way, those behind it in another (RENAME, BITOP).
constexpr KeySpec first_and_others(int first, int last, KeyUse first_use, KeyUse other_use) {
  return {first, last, 1, 0, first_use, other_use, true};
}
// The key behind a word, if the word is there.
constexpr KeySpec key_behind(Bytes keyword, int from, KeyUse use, const KeySpec* also = nullptr) {
  KeySpec spec = keys_behind(keyword, from, use);
  spec.one_behind = true;
  spec.also = also;
  return spec;
}
// All that follows the last such word, for clients: another spec's `find` finds them.
constexpr KeySpec told_behind(Bytes keyword, int from, KeyUse use) {
  KeySpec spec = keys_behind(keyword, from, use);
  spec.told_only = true;
  return spec;
}
constexpr KeySpec and_also(KeySpec keys, const KeySpec& also) {
  keys.also = &also;
  return keys;
}
constexpr KeySpec key_at(int index, KeyUse use, KeyUse (*use_of)(std::span<const Bytes>)) {
  return {index, index, 1, 0, use, use, false, use_of};
}

// What a command does to the channels it names, for ACL. One that leaves needs no permission.
enum class ChannelUse : uint8_t {
  none,
  publish,             // the first argument
  listen,              // all arguments
  listen_to_patterns,
};

using Handler = Status (*)(Call& call);

struct CommandSpec {
  Bytes name;  // upper case; of a sub-command only its own word
  Bytes syntax;
  Bytes summary;
  Bytes since;
  Bytes complexity;
  Bytes group;
  // As Redis: n means exactly n words, name included; -n at least n.
  int arity = 0;
  Flag flags = Flag::none;
  KeySpec keys{};
  Acl acl = Acl::none;
  Handler run = nullptr;
  // A container (CLIENT, CONFIG, ...): its cards; the first word after the name chooses.
  std::span<const CommandSpec> subcommands{};
  // A container that COMMAND, INFO and CLIENT LIST know as one command, without its parts (DEBUG).
  bool veiled = false;
  Bytes deprecated_since{};
  Bytes replaced_by{};
  ChannelUse channels = ChannelUse::none;
  // Where the arguments say more than the card (a script's own flags): the flags of this request.
  // Any thread, without locks; null: they are the card's.
  Flag (*flags_of)(Services& services, std::span<const Bytes> args, Flag card) = nullptr;
};

constexpr int exactly(int words) { return words; }
constexpr int at_least(int words) { return -words; }

// A family's list: a card that misses a fact stops the build.
template <size_t n>
consteval std::array<CommandSpec, n> family(const CommandSpec (&cards)[n]) {
  std::array<CommandSpec, n> list{};
  for (size_t i = 0; i < n; ++i) {
    const CommandSpec& card = cards[i];
    if (card.name.empty() || card.summary.empty() || card.since.empty() || card.group.empty() ||
        card.arity == 0) {
      throw "incomplete card";
    }
    for (size_t k = 0; k < i; ++k) {
      if (cards[k].name == card.name) throw "duplicate card";
    }
    list[i] = card;
  }
  return list;
}

}  // namespace larder
