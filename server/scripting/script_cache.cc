#include "server/scripting/script_cache.h"

#include "base/quoting.h"
#include "server/engine/registry.h"
#include "server/scripting/engine.h"
#include "server/scripting/interpreter.h"

namespace larder {
namespace {

// What a script costs besides its text, in the tables and the interpreter.
constexpr size_t kOverheadBytes = 320;

int64_t bytes_of(const Script& script) {
  return static_cast<int64_t>(script.body.size() + kOverheadBytes);
}

Status bad_flags(Bytes flag) {
  return Status::error("ERR Unexpected flag in script shebang: " + std::string(flag));
}

// "a,b"; an empty list has no flags, one with a comma at its end an empty one.
Status parse_flags(Bytes list, ScriptFlags& flags) {
  for (bool more = !list.empty(); more;) {
    const size_t end = std::min(list.find(','), list.size());
    const Bytes flag = list.substr(0, end);
    if (!set_flag(flags, flag)) return bad_flags(flag);
    more = end < list.size();
    list.remove_prefix(more ? end + 1 : end);
  }
  return Status::ok();
}

// "#!lua flags=a,b". Cuts the line off, but for its end, so that lines keep their numbers.
Status parse_first_line(Bytes& code, ScriptFlags& flags) {
  flags.compatible = !code.starts_with("#!");
  if (flags.compatible) return Status::ok();
  const size_t end = code.find('\n');
  if (end == Bytes::npos) return Status::error("ERR Invalid script shebang");
  const auto words = split_line(code.substr(0, end));
  if (!words) return Status::error("ERR Invalid engine in script shebang");
  code.remove_prefix(end);
  if (words->front() != "#!lua") {
    return Status::error("ERR Unexpected engine in script shebang: " + words->front());
  }
  for (size_t i = 1; i < words->size(); ++i) {
    const Bytes word = (*words)[i];
    if (!word.starts_with("flags=")) {
      return Status::error("ERR Unknown lua shebang option: " + std::string(word));
    }
    if (Status status = parse_flags(word.substr(6), flags); !status.is_ok()) return status;
  }
  return Status::ok();
}

}  // namespace

std::optional<ScriptFlags> flags_of_script(Bytes body) {
  ScriptFlags flags;
  if (!parse_first_line(body, flags).is_ok() || flags.compatible) return std::nullopt;
  return flags;
}

Flag flags_with(Flag card, const std::optional<ScriptFlags>& said) {
  if (!said) return card;
  const Flag open = Flag::stale | Flag::deny_oom | Flag::write | Flag::may_replicate;
  Flag flags = without(card, open);
  if (said->allow_stale) flags = flags | Flag::stale;
  if (said->no_writes) return flags;
  return flags | Flag::write | (said->allow_oom ? Flag::none : Flag::deny_oom);
}

bool set_flag(ScriptFlags& flags, Bytes name) {
  if (name == "no-writes") return flags.no_writes = true;
  if (name == "allow-oom") return flags.allow_oom = true;
  if (name == "allow-stale") return flags.allow_stale = true;
  if (name == "no-cluster") return flags.no_cluster = true;
  if (name == "allow-cross-slot-keys") return flags.allow_cross_slot_keys = true;
  return false;
}

Script* ScriptCache::find(Bytes sha) {
  if (sha.size() != Sha1Text().size()) return nullptr;
  const auto found = by_sha_.find(lower_case(sha));
  if (found == by_sha_.end()) return nullptr;
  note_use(*found->second);
  return found->second.get();
}

void ScriptCache::note_use(Script& script) {
  if (!script.loaded) evaluated_.splice(evaluated_.end(), evaluated_, script.place);
}

void ScriptCache::keep_for_ever(Script& script) {
  if (script.loaded) return;
  script.loaded = true;
  evaluated_.erase(script.place);
}

std::optional<ScriptFlags> ScriptCache::flags_of(Bytes sha) {
  const MutexLock lock(said_mutex_);
  const auto found = said_.find(lower_case(sha));
  return found == said_.end() ? std::nullopt : std::optional(found->second);
}

Status ScriptCache::get(Bytes body, bool load, Script*& script) {
  const auto found = by_body_.find(body);
  if (found != by_body_.end()) {
    script = found->second;
    load ? keep_for_ever(*script) : note_use(*script);
    return Status::ok();
  }
  auto fresh = std::make_unique<Script>();
  fresh->body = body;
  fresh->sha = sha1_text(body);
  if (Status status = compile_script(*fresh); !status.is_ok()) return status;
  script = fresh.get();
  script->loaded = load;
  if (!load) {
    if (evaluated_.size() >= kEvaluatedMax) forget(*evaluated_.front());
    script->place = evaluated_.insert(evaluated_.end(), script);
  }
  by_body_.emplace(script->body, script);
  by_sha_.emplace(script->name(), std::move(fresh));
  if (!script->flags.compatible) {
    const MutexLock lock(said_mutex_);
    said_.emplace(script->name(), script->flags);
  }
  counts_.scripts.fetch_add(1);
  counts_.script_bytes.fetch_add(bytes_of(*script));
  return Status::ok();
}

Status ScriptCache::compile_script(Script& script) {
  Bytes code = script.body;
  if (Status status = parse_first_line(code, script.flags); !status.is_ok()) return status;
  std::string error;
  const bool whole = protect(state_, [&](lua_State* L) {
    if (compile(L, code, "@user_script")) {
      script.function = luaL_ref(L, LUA_REGISTRYINDEX);
    } else {
      error = bytes_at(L, -1);
    }
  });
  if (!whole) error = bytes_at(state_, -1);
  lua_settop(state_, 0);
  if (error.empty()) return Status::ok();
  return Status::error("ERR Error compiling script (new function): " + error);
}

void ScriptCache::forget(Script& script) {
  if (!script.loaded) evaluated_.erase(script.place);
  (void)protect(state_, [&](lua_State* L) { luaL_unref(L, LUA_REGISTRYINDEX, script.function); });
  lua_settop(state_, 0);
  counts_.scripts.fetch_sub(1);
  counts_.script_bytes.fetch_sub(bytes_of(script));
  if (!script.flags.compatible) {
    const MutexLock lock(said_mutex_);
    said_.erase(std::string(script.name()));
  }
  by_body_.erase(script.body);
  by_sha_.erase(by_sha_.find(script.name()));
}

void ScriptCache::clear() {
  while (!by_sha_.empty()) forget(*by_sha_.begin()->second);
}

}  // namespace larder
