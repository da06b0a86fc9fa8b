// The interpreter, Lua 5.1 compiled as C++: its errors are C++ exceptions, so they run the
// destructors of what they leave behind. The only place that includes its headers.
#pragma once

#include <lua.hpp>
#include <string>

#include "base/bytes.h"

namespace larder {

class ScriptEngine;

inline void push(lua_State* L, Bytes bytes) { lua_pushlstring(L, bytes.data(), bytes.size()); }

// The string at `index`, which stays where it is. Of a number: makes it one.
inline Bytes bytes_at(lua_State* L, int index) {
  size_t size = 0;
  const char* const data = lua_tolstring(L, index, &size);
  return {data, data == nullptr ? 0 : size};
}

inline int absolute(lua_State* L, int index) {
  return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + index + 1;
}

// The engine behind an interpreter.
inline ScriptEngine& engine_of(lua_State* L) {
  void* engine = nullptr;
  lua_getallocf(L, &engine);
  return *static_cast<ScriptEngine*>(engine);
}

// Runs `work(L)` so that an error in it, above all no memory, is not the end of the process. False:
// there was one; its value is at the top of the stack.
template <typename Work>
bool protect(lua_State* L, Work work) {
  const auto run = [](lua_State* inside) {
    (*static_cast<Work*>(lua_touserdata(inside, 1)))(inside);
    return 0;
  };
  return lua_cpcall(L, run, &work) == 0;
}

// An error reply as scripts see it: {err = text}.
void push_error(lua_State* L, Bytes text);
// The same of an error that INFO has counted already, and whether the error at the top is one.
void push_counted_error(lua_State* L, Bytes text);
bool is_counted_error(lua_State* L);
// Raises it.
[[noreturn]] void raise(lua_State* L, Bytes text);
// For pcall: makes a table of whatever was raised, with source and line of where.
int describe_error(lua_State* L);
// The text of an error that is a table, at the top of the stack.
std::string error_text(lua_State* L);
// The table that describe_error made, at the top of the stack, as one line.
std::string error_line(lua_State* L, Bytes script);

}  // namespace larder
