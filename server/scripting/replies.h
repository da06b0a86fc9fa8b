// Replies of commands as values of Lua, and what a script returns as a reply.
//
//   integer  number          null   false (nil in RESP3)    map     {map = {...}}
//   string   string          array  table                   set     {set = {member = true}}
//   status   {ok = text}     error  {err = text}            double  {double = number}
//   big      {big_number = text}    verbatim {verbatim_string = {string =, format =}}
//
// Source: https://redis.io/docs/latest/develop/interact/programmability/lua-api/
#pragma once

#include <optional>
#include <string>

#include "server/scripting/engine.h"
#include "server/scripting/lua.h"

namespace larder {

// Pushes the value of one whole reply, as our own writer wrote it.
void push_reply(lua_State* L, Output& reply);
// The line of the error at the top of the stack; nothing when that is another value.
std::optional<std::string> take_error(lua_State* L);
// Writes the value at the top of the stack as the script's reply.
void write_reply(lua_State* L, ScriptJob& job);

}  // namespace larder
