// Libraries of functions: code that stays in the server and is called by name.
//
// A library is loaded by running its code once, which registers its functions. They stay
// references into the interpreter until the library is deleted or replaced.
// Source: https://redis.io/docs/latest/develop/interact/programmability/functions-intro/
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "server/engine/status.h"
#include "server/scripting/script_cache.h"

struct lua_State;

namespace larder {

class ScriptEngine;

struct Function {
  std::string name;
  std::optional<std::string> description;
  ScriptFlags flags;
  std::set<std::string> flag_names;
  int reference = 0;
};

struct Library {
  std::string name;
  std::string code;
  std::map<std::string, Function> functions;
};

class FunctionStore {
 public:
  enum class Collision : uint8_t { refuse, replace };

  explicit FunctionStore(ScriptEngine& engine) : engine_(engine) {}

  // The code of every library, from any thread and under any lock: for snapshots.
  void for_each_library(const std::function<void(Bytes code)>& visit);

  // By the function's name in any case; nothing when there is none. The same.
  std::optional<ScriptFlags> flags_of(Bytes function);

  // The rest is for who has the turn of scripts.
  // Loads a library; `name` is its own. An error: all is as it was.
  Status load(Bytes code, Collision collision, std::string& name);
  // Loads several or none. `broken`: what is wrong behind the last of them, or null. `flush`: in
  // place of all there are.
  Status load_all(const std::vector<std::string>& codes, const char* broken, Collision collision,
                  bool flush);
  // False when there is no such library.
  bool remove(Bytes name);
  void flush();
  // By its name in any case.
  const Function* find(Bytes name) const;
  const std::map<std::string, std::shared_ptr<Library>>& libraries() const { return libraries_; }

  // While a library is loaded: redis.register_function, which raises errors.
  Library* loading() { return loading_.get(); }

 private:
  using Libraries = std::map<std::string, std::shared_ptr<Library>>;
  // What any thread may see.
  struct Shown {
    std::map<std::string, std::shared_ptr<const Library>> libraries;  // by their names
    std::unordered_map<std::string, ScriptFlags> flags;  // by functions' names in lower case
  };

  Status parse_name(Bytes& code, std::string& name);
  Status run_library(Bytes code);
  Status make_library(Bytes code, Bytes body, const std::string& name,
                      std::shared_ptr<Library>& fresh);
  Status make_all(const std::vector<std::string>& codes, Libraries& fresh);
  Libraries replaced_by(const Libraries& fresh) const;
  Status check_names(const Libraries& fresh, const Libraries& old) const;
  void exchange(const Libraries& gone, const Libraries& come);
  void put_in(const std::shared_ptr<Library>& library);
  void take_out(const Library& library);
  void release(const Library& library);

  ScriptEngine& engine_;
  Libraries libraries_;
  std::unordered_map<std::string, const Function*> functions_;  // by their names in lower case
  std::shared_ptr<Library> loading_;
  Mutex shown_mutex_;  // leaf
  Shown shown_ GUARDED_BY(shown_mutex_);
};

// The words of libraries' and functions' names.
bool is_function_name(Bytes name);

int register_function(lua_State* L);

}  // namespace larder
