#include "server/scripting/function_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/quoting.h"
#include "server/scripting/engine.h"
#include "server/scripting/interpreter.h"

namespace larder {
namespace {

// What loading a library may take: functions are only registered there.
constexpr int64_t kLoadUsMax = 500'000;
constexpr const char* kBadLibraryName =
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least "
    "one character long";
constexpr size_t kOverheadBytes = 512;

int64_t bytes_of(const Library& library) {
  size_t bytes = kOverheadBytes + library.code.size();
  for (const auto& [name, function] : library.functions) {
    bytes += sizeof function + 2 * name.size();
  }
  return static_cast<int64_t>(bytes);
}

bool is_of(const Library& library, const Function* function) {
  return std::any_of(library.functions.begin(), library.functions.end(),
                     [&](const auto& each) { return &each.second == function; });
}

}  // namespace

bool is_function_name(Bytes name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// "#!lua name=lib". The line is cut off, but for its end.
Status FunctionStore::parse_name(Bytes& code, std::string& name) {
  if (!code.starts_with("#!")) return Status::error("ERR Missing library metadata");
  const size_t end = code.find('\n');
  if (end == Bytes::npos) return Status::error("ERR Invalid library metadata");
  const auto words = split_line(code.substr(0, end));
  if (!words) return Status::error("ERR Invalid library metadata");
  code.remove_prefix(end);
  const std::string engine = words->front().substr(2);
  bool named = false;
  for (size_t i = 1; i < words->size(); ++i) {
    const std::string& word = (*words)[i];
    if (lower_case(word.substr(0, 5)) != "name=") {
      return Status::error("ERR Invalid metadata value given: " + word);
    }
    if (named) {
      return Status::error("ERR Invalid metadata value, name argument was given multiple times");
    }
    named = true;
    name = word.substr(5);
  }
  if (!named) return Status::error("ERR Library name was not given");
  if (!is_function_name(name)) return Status::error(kBadLibraryName);
  if (lower_case(engine) != "lua") {
    return Status::error("ERR Engine '" + engine + "' not found");
  }
  return Status::ok();
}

Status FunctionStore::run_library(Bytes code) {
  lua_State* const state = engine_.state();
  std::string error;
  const auto fail = [&](lua_State* L, const char* what) {
    error = what + (lua_istable(L, -1) ? error_text(L) : std::string(bytes_at(L, -1)));
  };
  const bool whole = protect(state, [&](lua_State* L) {
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, slots::kErrorHandler);
    if (!compile(L, code, "@user_function")) return fail(L, "ERR Error compiling function: ");
    set_loading(L, true);
    engine_.set_load_end(steady_us() + kLoadUsMax);
    if (lua_pcall(L, 0, 0, 1) != 0) fail(L, "ERR Error registering functions: ");
  });
  engine_.set_load_end(0);
  if (!whole) error = "ERR Error registering functions: not enough memory";
  lua_settop(state, 0);
  (void)protect(state, [](lua_State* L) { set_loading(L, false); });
  lua_settop(state, 0);
  if (!error.empty()) return Status::error(std::move(error));
  if (loading_->functions.empty()) return Status::error("ERR No functions registered");
  return Status::ok();
}

// Makes a library that nobody sees yet. An error: nothing is left of it.
Status FunctionStore::make_library(Bytes code, Bytes body, const std::string& name,
                                   std::shared_ptr<Library>& fresh) {
  loading_ = std::make_shared<Library>();
  loading_->name = name;
  loading_->code = code;
  Status status = run_library(body);
  fresh = std::exchange(loading_, nullptr);
  if (!status.is_ok()) release(*fresh);
  return status;
}

// What libraries take the place of.
FunctionStore::Libraries FunctionStore::replaced_by(const Libraries& fresh) const {
  Libraries old;
  for (const auto& [name, library] : fresh) {
    const auto found = libraries_.find(name);
    if (found != libraries_.end()) old.insert(*found);
  }
  return old;
}

// A function's name may only be that of one which goes.
Status FunctionStore::check_names(const Libraries& fresh, const Libraries& old) const {
  for (const auto& [library_name, library] : fresh) {
    for (const auto& [name, function] : library->functions) {
      const Function* const known = find(name);
      const bool free = known == nullptr || std::any_of(old.begin(), old.end(), [&](const auto& o) {
                          return is_of(*o.second, known);
                        });
      if (!free) return Status::error("ERR Function " + name + " already exists");
    }
  }
  return Status::ok();
}

Status FunctionStore::load(Bytes code, Collision collision, std::string& name) {
  Bytes body = code;
  if (Status status = parse_name(body, name); !status.is_ok()) return status;
  if (collision == Collision::refuse && libraries_.count(name) > 0) {
    return Status::error("ERR Library '" + name + "' already exists");
  }
  Libraries fresh;
  Status status = make_library(code, body, name, fresh[name]);
  if (!status.is_ok()) return status;
  const Libraries old = replaced_by(fresh);
  status = check_names(fresh, old);
  status.is_ok() ? exchange(old, fresh) : release(*fresh[name]);
  return status;
}

// All of a dump, as if nothing else was there.
Status FunctionStore::make_all(const std::vector<std::string>& codes, Libraries& fresh) {
  std::set<std::string> names;
  for (const std::string& code : codes) {
    Bytes body = code;
    std::string name;
    if (Status status = parse_name(body, name); !status.is_ok()) return status;
    if (fresh.count(name) > 0) {
      return Status::error("ERR Library '" + name + "' already exists");
    }
    std::shared_ptr<Library> library;
    Status status = make_library(code, body, name, library);
    if (!status.is_ok()) return status;
    fresh.emplace(name, library);
    for (const auto& [function, facts] : library->functions) {
      if (names.insert(lower_case(function)).second) continue;
      return Status::error("ERR Function " + function + " already exists");
    }
  }
  return Status::ok();
}

Status FunctionStore::load_all(const std::vector<std::string>& codes, const char* broken,
                               Collision collision, bool flush_first) {
  Libraries fresh;
  Status status = make_all(codes, fresh);
  if (status.is_ok() && broken != nullptr) status = Status::error(broken);
  const Libraries old = flush_first ? libraries_ : replaced_by(fresh);
  if (status.is_ok() && collision == Collision::refuse && !flush_first && !old.empty()) {
    status = Status::error("ERR Library " + old.begin()->first + " already exists");
  }
  if (status.is_ok()) status = check_names(fresh, old);
  if (!status.is_ok()) {
    for (const auto& [name, library] : fresh) release(*library);
    return status;
  }
  exchange(old, fresh);
  return status;
}

bool FunctionStore::remove(Bytes name) {
  const auto found = libraries_.find(std::string(name));
  if (found == libraries_.end()) return false;
  exchange({*found}, {});
  return true;
}

void FunctionStore::flush() {
  exchange(Libraries(libraries_), {});
  lua_gc(engine_.state(), LUA_GCCOLLECT, 0);
}

const Function* FunctionStore::find(Bytes name) const {
  const auto found = functions_.find(lower_case(name));
  return found == functions_.end() ? nullptr : found->second;
}

void FunctionStore::put_in(const std::shared_ptr<Library>& library) {
  libraries_[library->name] = library;
  for (const auto& [name, function] : library->functions) functions_[lower_case(name)] = &function;
  ScriptCounts& counts = engine_.counts_to_change();
  counts.libraries.fetch_add(1);
  counts.functions.fetch_add(static_cast<int64_t>(library->functions.size()));
  counts.function_bytes.fetch_add(bytes_of(*library));
}

void FunctionStore::take_out(const Library& library) {
  for (const auto& [name, function] : library.functions) functions_.erase(lower_case(name));
  ScriptCounts& counts = engine_.counts_to_change();
  counts.libraries.fetch_sub(1);
  counts.functions.fetch_sub(static_cast<int64_t>(library.functions.size()));
  counts.function_bytes.fetch_sub(bytes_of(library));
  libraries_.erase(library.name);
}

void FunctionStore::release(const Library& library) {
  for (const auto& [name, function] : library.functions) {
    const int reference = function.reference;
    (void)protect(engine_.state(),
                  [reference](lua_State* L) { luaL_unref(L, LUA_REGISTRYINDEX, reference); });
  }
  lua_settop(engine_.state(), 0);
}

// Who looks from another thread sees the old or the new, never neither.
void FunctionStore::exchange(const Libraries& gone, const Libraries& come) {
  for (const auto& [name, library] : gone) {
    take_out(*library);
    release(*library);
  }
  for (const auto& [name, library] : come) put_in(library);
  MutexLock lock(shown_mutex_);
  for (const auto& [name, library] : gone) {
    for (const auto& [function, facts] : library->functions) {
      shown_.flags.erase(lower_case(function));
    }
    shown_.libraries.erase(name);
  }
  for (const auto& [name, library] : come) {
    for (const auto& [function, facts] : library->functions) {
      shown_.flags.emplace(lower_case(function), facts.flags);
    }
    shown_.libraries.emplace(name, library);
  }
}

void FunctionStore::for_each_library(const std::function<void(Bytes code)>& visit) {
  std::vector<std::shared_ptr<const Library>> all;
  {
    MutexLock lock(shown_mutex_);
    for (const auto& [name, library] : shown_.libraries) all.push_back(library);
  }
  for (const auto& library : all) visit(library->code);
}

std::optional<ScriptFlags> FunctionStore::flags_of(Bytes function) {
  const std::string name = lower_case(function);
  MutexLock lock(shown_mutex_);
  const auto found = shown_.flags.find(name);
  return found == shown_.flags.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace larder
