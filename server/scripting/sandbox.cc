#include <algorithm>
#include <string>
#include <utility>

#include "base/clock.h"
#include "server/scripting/engine.h"
#include "server/scripting/interpreter.h"
#include "server/scripting/random48.h"

namespace larder {
namespace {

constexpr const char* kReadOnly = "Attempt to modify a readonly table";
// Key of the real table in a read-only table's metatable.
char real_key;

// A reader that never ends comes to its end here.
constexpr size_t kLoadedCodeMax = 16 * 1024 * 1024;

// A binary chunk could make the interpreter do anything.
bool is_binary(Bytes code) { return code.starts_with(LUA_SIGNATURE[0]); }

int refuse_write(lua_State* L) { return luaL_error(L, "%s", kReadOnly); }

void refuse_read_only(lua_State* L, int index) {
  if (!push_real(L, index)) return;
  lua_pushstring(L, kReadOnly);
  lua_error(L);
}

int no_such_global(lua_State* L) {
  const char* const name = lua_tostring(L, 2);
  return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
                    name == nullptr ? "?" : name);
}

// next, pairs, rawget see the real table, but never hand it out.
int next_of(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  if (push_real(L, 1)) lua_replace(L, 1);
  if (lua_next(L, 1) != 0) return 2;
  lua_pushnil(L);
  return 1;
}

int pairs_of(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

int raw_get(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  if (push_real(L, 1)) lua_replace(L, 1);
  lua_rawget(L, 1);
  return 1;
}

int raw_set(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  luaL_checkany(L, 3);
  lua_settop(L, 3);
  refuse_read_only(L, 1);
  lua_rawset(L, 1);
  return 1;
}

int set_metatable(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const int type = lua_type(L, 2);
  luaL_argcheck(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
  refuse_read_only(L, 1);
  if (luaL_getmetafield(L, 1, "__metatable") != 0) {
    return luaL_error(L, "cannot change a protected metatable");
  }
  lua_settop(L, 2);
  // A finalizer or mode taken from a read-only table would be looked for raw.
  lua_setmetatable(L, 1);
  return 1;
}

enum class Guarded { insert, remove, sort };

// As the original's checks: behind a call from C it could tell neither its name nor the place.
void check_guarded(lua_State* L, Guarded function) {
  luaL_checktype(L, 1, LUA_TTABLE);
  refuse_read_only(L, 1);
  switch (function) {
    case Guarded::insert:
      if (lua_gettop(L) == 3) luaL_checkint(L, 2);
      if (lua_gettop(L) < 2 || lua_gettop(L) > 3) {
        luaL_error(L, "wrong number of arguments to 'insert'");
      }
      return;
    case Guarded::remove:
      luaL_optint(L, 2, 0);
      return;
    case Guarded::sort:
      if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
      return;
  }
}

// table.insert and the like: the original is upvalue 1, which one it is upvalue 2.
int guarded(lua_State* L) {
  check_guarded(L, static_cast<Guarded>(lua_tointeger(L, lua_upvalueindex(2))));
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  const uint64_t start = ticks();
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  engine_of(L).breathe_after(L, ticks() - start);
  return lua_gettop(L);
}

// An error that is a table with a text comes back as the text.
int protected_call(lua_State* L) {
  luaL_checkany(L, 1);
  const int failed = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  if (failed == 0) {
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    return lua_gettop(L);
  }
  if (lua_istable(L, -1)) {
    lua_pushliteral(L, "err");
    lua_rawget(L, -2);
    lua_isstring(L, -1) ? lua_replace(L, -2) : lua_pop(L, 1);
  }
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

// Stock Lua counts in int, which overflows.
int unpack_table(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const int first = luaL_optint(L, 2, 1);
  const int last = lua_isnoneornil(L, 3) ? static_cast<int>(lua_objlen(L, 1)) : luaL_checkint(L, 3);
  if (first > last) return 0;
  const int64_t count = int64_t{last} - first + 1;
  if (count >= INT32_MAX || lua_checkstack(L, static_cast<int>(count)) == 0) {
    return luaL_error(L, "too many results to unpack");
  }
  for (int64_t i = first; i <= last; ++i) lua_rawgeti(L, 1, static_cast<int>(i));
  return static_cast<int>(count);
}

int load_result(lua_State* L, bool ok) {
  if (ok) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

int load_string(lua_State* L) {
  const Bytes code = (luaL_checkstring(L, 1), bytes_at(L, 1));
  return load_result(L, compile(L, code, luaL_optstring(L, 2, code.data())));
}

// The pieces are gathered before anything is compiled: nothing runs while the compiler does.
int load_pieces(lua_State* L) {
  const char* const name = luaL_optstring(L, 2, "=(load)");
  luaL_checktype(L, 1, LUA_TFUNCTION);
  std::string code;
  while (true) {
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) break;
    if (!lua_isstring(L, -1)) return luaL_error(L, "reader function must return a string");
    const Bytes piece = bytes_at(L, -1);
    if (piece.empty()) break;
    const size_t most = std::min(engine_of(L).memory_limit() / 4, kLoadedCodeMax);
    if (code.size() + piece.size() > most) return luaL_error(L, "not enough memory");
    code += piece;
    lua_pop(L, 1);
    if (is_binary(code)) break;  // it will be refused, whatever follows
  }
  return load_result(L, compile(L, code, name));
}

// What would change the collector for all scripts does nothing.
int collect_garbage(lua_State* L) {
  static const char* const kNames[] = {"collect", "count",    "step",       "stop",
                                       "restart", "setpause", "setstepmul", nullptr};
  const Bytes what = kNames[luaL_checkoption(L, 1, "collect", kNames)];
  const int number = luaL_optint(L, 2, 0);
  if (what == "step") {
    lua_pushboolean(L, lua_gc(L, LUA_GCSTEP, number));
  } else if (what == "count") {
    const int kilobytes = lua_gc(L, LUA_GCCOUNT, 0);
    lua_pushnumber(L, kilobytes + static_cast<double>(lua_gc(L, LUA_GCCOUNTB, 0)) / 1024);
  } else {
    lua_pushnumber(L, what == "collect" ? lua_gc(L, LUA_GCCOLLECT, 0) : 0);
  }
  return 1;
}

int random_number(lua_State* L) {
  const double drawn = engine_of(L).random().next_unit();
  switch (lua_gettop(L)) {
    case 0:
      lua_pushnumber(L, drawn);
      return 1;
    case 1: {
      const int high = luaL_checkint(L, 1);
      luaL_argcheck(L, 1 <= high, 1, "interval is empty");
      lua_pushnumber(L, static_cast<double>(static_cast<int64_t>(drawn * high)) + 1);
      return 1;
    }
    case 2: {
      const int low = luaL_checkint(L, 1);
      const int high = luaL_checkint(L, 2);
      luaL_argcheck(L, low <= high, 2, "interval is empty");
      const double span = static_cast<double>(high) - low + 1;
      lua_pushnumber(L, static_cast<double>(static_cast<int64_t>(drawn * span)) + low);
      return 1;
    }
    default:
      return luaL_error(L, "wrong number of arguments");
  }
}

int seed_random(lua_State* L) {
  engine_of(L).random().seed(static_cast<uint32_t>(luaL_checkint(L, 1)));
  return 0;
}

void open(lua_State* L, lua_CFunction library, const char* name) {
  lua_pushcfunction(L, library);
  lua_pushstring(L, name);
  lua_call(L, 1, 0);
}

void remove_globals(lua_State* L) {
  for (const char* name : {"dofile", "loadfile", "print", "module", "require", "newproxy",
                           "getfenv", "setfenv", "package", "debug"}) {
    lua_pushnil(L);
    lua_setglobal(L, name);
  }
}

void replace_base_functions(lua_State* L) {
  const luaL_Reg functions[] = {{"rawget", raw_get},
                                {"rawset", raw_set},
                                {"setmetatable", set_metatable},
                                {"pcall", protected_call},
                                {"unpack", unpack_table},
                                {"loadstring", load_string},
                                {"load", load_pieces},
                                {"collectgarbage", collect_garbage},
                                {"next", next_of},
                                {"__redis__err__handler", describe_error}};
  for (const luaL_Reg& function : functions) {
    lua_pushcfunction(L, function.func);
    lua_setglobal(L, function.name);
  }
  lua_getglobal(L, "next");
  lua_pushcclosure(L, pairs_of, 1);
  lua_setglobal(L, "pairs");
}

void replace_library_functions(lua_State* L) {
  lua_getglobal(L, "table");
  const std::pair<const char*, Guarded> kGuarded[] = {
      {"insert", Guarded::insert}, {"remove", Guarded::remove}, {"sort", Guarded::sort}};
  for (const auto& [name, function] : kGuarded) {
    lua_getfield(L, -1, name);
    lua_pushinteger(L, static_cast<lua_Integer>(function));
    lua_pushcclosure(L, guarded, 2);
    lua_setfield(L, -2, name);
  }
  lua_pop(L, 1);
  lua_getglobal(L, "math");
  lua_pushcfunction(L, random_number);
  lua_setfield(L, -2, "random");
  lua_pushcfunction(L, seed_random);
  lua_setfield(L, -2, "randomseed");
  lua_pop(L, 1);
}

// Of os only the clock.
void keep_clock(lua_State* L) {
  open(L, luaopen_os, LUA_OSLIBNAME);
  lua_createtable(L, 0, 1);
  lua_getglobal(L, "os");
  lua_getfield(L, -1, "clock");
  lua_remove(L, -2);
  lua_setfield(L, -2, "clock");
  lua_setglobal(L, "os");
}

// `string` is also behind the metatable of strings, which scripts could reach.
void close_string_metatable(lua_State* L) {
  lua_pushliteral(L, "");
  lua_getmetatable(L, -1);
  lua_createtable(L, 0, 0);
  make_read_only(L);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 2);
}

void close_libraries(lua_State* L) {
  for (const char* name :
       {"string", "table", "math", "os", "coroutine", "cjson", "cmsgpack", "struct", "bit"}) {
    lua_getglobal(L, name);
    make_read_only(L);
    lua_setglobal(L, name);
  }
}

void open_own_libraries(lua_State* L) {
  open_json_library(L);
  lua_setglobal(L, "cjson");
  open_msgpack_library(L);
  lua_setglobal(L, "cmsgpack");
  open_struct_library(L);
  lua_setglobal(L, "struct");
  open_bit_library(L);
  lua_setglobal(L, "bit");
}

// Gives the table at the top a metatable that makes reading what is not there an error.
void forbid_unknown(lua_State* L) {
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, no_such_global);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

// All that a library of functions may use while it is loaded.
void make_loading_globals(lua_State* L) {
  lua_createtable(L, 0, 2);
  open_redis_library(L, true);
  forbid_unknown(L);
  make_read_only(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "redis");
  lua_setfield(L, -2, "server");
  forbid_unknown(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, slots::kLoading);
}

// The real table of globals is at the top.
void close_globals(lua_State* L) {
  lua_pushvalue(L, -1);
  make_read_only(L);
  lua_getmetatable(L, -1);
  lua_rawseti(L, LUA_REGISTRYINDEX, slots::kGlobalsMeta);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "_G");
  lua_replace(L, LUA_GLOBALSINDEX);
  make_loading_globals(L);
  forbid_unknown(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, slots::kGlobals);
}

}  // namespace

bool push_real(lua_State* L, int index) {
  if (lua_getmetatable(L, index) == 0) return false;
  lua_pushlightuserdata(L, &real_key);
  lua_rawget(L, -2);
  lua_remove(L, -2);
  if (!lua_isnil(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

void make_read_only(lua_State* L) {
  lua_createtable(L, 0, 0);  // what is seen
  lua_createtable(L, 0, 4);  // its metatable
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, refuse_write);
  lua_setfield(L, -2, "__newindex");
  lua_pushlightuserdata(L, &real_key);
  lua_pushvalue(L, -4);
  lua_rawset(L, -3);
  lua_createtable(L, 0, 0);  // what getmetatable shows: as little to be written
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, refuse_write);
  lua_setfield(L, -2, "__newindex");
  lua_pushlightuserdata(L, &real_key);
  lua_createtable(L, 0, 0);
  lua_rawset(L, -3);
  lua_setmetatable(L, -2);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_replace(L, -2);
}

bool is_guard(lua_State* L, lua_Debug& place) {
  lua_getinfo(L, "f", &place);
  const bool found = lua_tocfunction(L, -1) == guarded;
  lua_pop(L, 1);
  return found;
}

void set_loading(lua_State* L, bool loading) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, slots::kGlobalsMeta);
  lua_rawgeti(L, LUA_REGISTRYINDEX, loading ? slots::kLoading : slots::kGlobals);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

bool compile(lua_State* L, Bytes code, const char* name) {
  if (is_binary(code)) {
    const bool plain = *name == '@' || *name == '=';
    lua_pushfstring(L, plain ? "%s:1: %s" : "[string \"%s\"]:1: %s", plain ? name + 1 : name,
                    "unexpected symbol near 'char(27)'");
    return false;
  }
  return luaL_loadbuffer(L, code.data(), code.size(), name) == 0;
}

void build_sandbox(lua_State* L) {
  lua_pushcfunction(L, describe_error);
  lua_rawseti(L, LUA_REGISTRYINDEX, slots::kErrorHandler);
  open(L, luaopen_base, "");
  open(L, luaopen_table, LUA_TABLIBNAME);
  open(L, luaopen_string, LUA_STRLIBNAME);
  open(L, luaopen_math, LUA_MATHLIBNAME);
  keep_clock(L);
  remove_globals(L);
  replace_base_functions(L);
  replace_library_functions(L);
  open_own_libraries(L);
  close_libraries(L);
  close_string_metatable(L);
  open_redis_library(L, false);
  make_read_only(L);
  lua_pushvalue(L, -1);
  lua_setglobal(L, "redis");
  lua_setglobal(L, "server");
  lua_pushvalue(L, LUA_GLOBALSINDEX);
  close_globals(L);
  lua_settop(L, 0);
}

}  // namespace larder
