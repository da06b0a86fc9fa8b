// The interpreter's state with the libraries and the sandbox that scripts see.
//
// Scripts share one interpreter and must not see what others did, nor change what is there. Lua 5.1
// knows no read-only tables, so every table that outlives a script is behind an empty one:
//
//   redis --> {}  metatable: __index     -> the real table: call, pcall, ...
//                            __newindex  -> "Attempt to modify a readonly table"
//                            __metatable -> one more of these
//
// What reads or writes tables raw (next, rawset, table.insert, ...) is replaced by functions that
// know of them. A global that does not exist is an error too.
#pragma once

#include "server/scripting/lua.h"

namespace larder {

// Registry keys.
namespace slots {
inline constexpr int kErrorHandler = 1;  // describe_error
inline constexpr int kGlobals = 2;       // the real table of globals while scripts run
inline constexpr int kLoading = 3;       // the same while a library of functions is loaded
inline constexpr int kGlobalsMeta = 4;   // metatable of the empty table before them
}  // namespace slots

// Fills a new state. Fails: raises a Lua error.
void build_sandbox(lua_State* L);

// Whether the function at `place` only stands before one of the table library's.
bool is_guard(lua_State* L, lua_Debug& place);

// Whether what code reads as globals are those of a library that is being loaded.
void set_loading(lua_State* L, bool loading);

// Compiles text, never a binary chunk; leaves the function or the error's text. True: a function.
bool compile(lua_State* L, Bytes code, const char* name);

// Puts a table that nobody may write in place of the one at the top.
void make_read_only(lua_State* L);
// The real table behind a read-only one at `index`, pushed; else pushes nothing and returns false.
bool push_real(lua_State* L, int index);

// The libraries. Each leaves its table on the stack.
void open_redis_library(lua_State* L, bool loading);
void open_json_library(lua_State* L);
void open_msgpack_library(lua_State* L);
void open_struct_library(lua_State* L);
void open_bit_library(lua_State* L);

}  // namespace larder
