// The scripts that EVALSHA knows, by their SHA-1.
//
// Those that only EVAL brought are forgotten when there are too many, the least recently used
// first: clients that put values into the text of scripts would fill the memory otherwise. SCRIPT
// LOAD is a promise, so what it brought stays. Redis does so from 7.4 on.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "base/sha1.h"
#include "server/engine/spec.h"
#include "server/engine/status.h"

struct lua_State;

namespace larder {

struct ScriptCounts;

// What a script says of itself behind "#!", and a function by its flags.
struct ScriptFlags {
  bool no_writes = false;
  bool allow_oom = false;
  bool allow_stale = false;
  bool no_cluster = false;
  bool allow_cross_slot_keys = false;
  bool compatible = false;  // says nothing: what it may do is seen when it does it
};
// What a script's text says; nothing when it has no first line for that or a wrong one.
std::optional<ScriptFlags> flags_of_script(Bytes body);
// The card's flags of a command that runs such a script, and what the script says.
Flag flags_with(Flag card, const std::optional<ScriptFlags>& said);
// By a flag's name; false when there is no such flag.
bool set_flag(ScriptFlags& flags, Bytes name);

struct Script {
  Sha1Text sha;
  std::string body;
  ScriptFlags flags;
  int function = 0;                    // a reference of the interpreter
  bool loaded = false;                 // by SCRIPT LOAD
  std::list<Script*>::iterator place;  // among those of EVAL

  Bytes name() const { return {sha.data(), sha.size()}; }
};

class ScriptCache {
 public:
  // As many as Redis keeps.
  static constexpr size_t kEvaluatedMax = 500;

  ScriptCache(lua_State* state, ScriptCounts& counts) : state_(state), counts_(counts) {}

  // By the SHA-1 in any case; null when unknown.
  Script* find(Bytes sha);
  // By its text; compiles it when it is new. An error: it does not compile.
  Status get(Bytes body, bool load, Script*& script);
  void clear();

  // What a known script says of itself; nothing when it says nothing. Any thread, under any lock.
  std::optional<ScriptFlags> flags_of(Bytes sha);

 private:
  struct Hash {
    size_t operator()(Bytes bytes) const { return hash_of(bytes); }
  };

  Status compile_script(Script& script);
  void note_use(Script& script);
  void keep_for_ever(Script& script);
  void forget(Script& script);

  lua_State* state_;
  ScriptCounts& counts_;
  std::unordered_map<Bytes, std::unique_ptr<Script>, Hash> by_sha_;
  std::unordered_map<Bytes, Script*, Hash> by_body_;
  std::list<Script*> evaluated_;  // the most recently used last
  Mutex said_mutex_;              // leaf
  // Of those that say something, by their SHA-1.
  std::unordered_map<std::string, ScriptFlags> said_ GUARDED_BY(said_mutex_);
};

}  // namespace larder
