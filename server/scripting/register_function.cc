// redis.register_function, by which a library names its functions while it is loaded.
#include "server/engine/registry.h"
#include "server/scripting/engine.h"
#include "server/scripting/function_store.h"
#include "server/scripting/interpreter.h"

namespace larder {
namespace {

// Reads the flags, an array of names at the top of the stack.
void read_flags(lua_State* L, Function& function) {
  if (!lua_istable(L, -1)) {
    raise(L,
          "ERR flags argument to redis.register_function must be a table representing function "
          "flags");
  }
  for (int i = 1;; ++i) {
    lua_rawgeti(L, -1, i);
    if (lua_isnil(L, -1)) break;
    if (lua_type(L, -1) != LUA_TSTRING || !set_flag(function.flags, lower_case(bytes_at(L, -1)))) {
      raise(L, "ERR unknown flag given");
    }
    function.flag_names.insert(lower_case(bytes_at(L, -1)));
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
}

// One named argument: its name below its value at the top of the stack.
void read_argument(lua_State* L, Function& function, bool& has_name, bool& has_callback) {
  if (lua_isstring(L, -2) == 0) {
    raise(L, "ERR named argument key given to redis.register_function is not a string");
  }
  // A number stays one: lua_next needs its key as it is.
  const std::string key = lua_type(L, -2) == LUA_TSTRING ? lower_case(bytes_at(L, -2)) : "";
  if (key == "function_name") {
    if (lua_isstring(L, -1) == 0) {
      raise(L, "ERR function_name argument given to redis.register_function must be a string");
    }
    lua_pushvalue(L, -1);
    function.name = bytes_at(L, -1);
    has_name = true;
    lua_pop(L, 1);
  } else if (key == "description") {
    if (lua_isstring(L, -1) == 0) {
      raise(L, "ERR description argument given to redis.register_function must be a string");
    }
    lua_pushvalue(L, -1);
    function.description = bytes_at(L, -1);
    lua_pop(L, 1);
  } else if (key == "callback") {
    if (!lua_isfunction(L, -1)) {
      raise(L, "ERR callback argument given to redis.register_function must be a function");
    }
    lua_pushvalue(L, -1);
    lua_replace(L, 1);  // the table is not needed by its place any more, see read_named
    has_callback = true;
  } else if (key == "flags") {
    lua_pushvalue(L, -1);
    read_flags(L, function);
  } else {
    raise(L, "ERR unknown argument given to redis.register_function");
  }
}

// register_function{function_name = ..., callback = ...}; leaves the callback in place 1.
void read_named(lua_State* L, Function& function) {
  bool has_name = false;
  bool has_callback = false;
  lua_pushvalue(L, 1);  // place 2 stays the table
  lua_pushnil(L);
  while (lua_next(L, 2) != 0) {
    read_argument(L, function, has_name, has_callback);
    lua_pop(L, 1);
  }
  if (!has_name) {
    raise(L, "ERR redis.register_function must get a function name argument");
  }
  if (!has_callback) raise(L, "ERR redis.register_function must get a callback argument");
}

// register_function(name, callback).
void read_plain(lua_State* L, Function& function) {
  if (lua_isstring(L, 1) == 0) {
    raise(L, "ERR first argument to redis.register_function must be a string");
  }
  if (!lua_isfunction(L, 2)) {
    raise(L, "ERR second argument to redis.register_function must be a function");
  }
  function.name = bytes_at(L, 1);
  lua_pushvalue(L, 2);
  lua_replace(L, 1);
}

}  // namespace

int register_function(lua_State* L) {
  Library* const library = engine_of(L).functions().loading();
  if (library == nullptr) {
    raise(L, "ERR redis.register_function can only be called on FUNCTION LOAD command");
  }
  const int count = lua_gettop(L);
  if (count < 1 || count > 2) {
    raise(L, "ERR wrong number of arguments to redis.register_function");
  }
  Function function;
  if (count == 1) {
    if (!lua_istable(L, 1)) {
      raise(L,
            "ERR calling redis.register_function with a single argument is only applicable to Lua "
            "table (representing named arguments).");
    }
    read_named(L, function);
  } else {
    read_plain(L, function);
  }
  if (!is_function_name(function.name)) {
    raise(L,
          "ERR Library names can only contain letters, numbers, or underscores(_) and must be at "
          "least one character long");  // Redis says the same of both
  }
  if (library->functions.count(function.name) > 0) {
    raise(L, "ERR Function already exists in the library");
  }
  lua_pushvalue(L, 1);
  function.reference = luaL_ref(L, LUA_REGISTRYINDEX);
  std::string name = function.name;
  library->functions.emplace(std::move(name), std::move(function));
  return 0;
}

}  // namespace larder
